"""Heatmap targets for joints and centers at several resolutions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def encode_centers(
    keypoints: np.ndarray, visible: np.ndarray, input_size: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the visible joints inside the crop (authors' program).

    Args:
        keypoints: [N x K x 2] (x, y) in input pixels.
        visible: [N x K], above 0 if labelled.
        input_size: [w, h] of the network input.

    Returns:
        centers [N x 2] in input pixels (0 where there is none) and whether there is one [N].
    """
    inside = ((keypoints >= 0) & (keypoints < np.asarray(input_size))).all(-1)
    weight = ((visible > 0) & inside).astype(np.float64)
    count = weight.sum(1)
    total = (keypoints * weight[..., None]).sum(1)
    return total / np.maximum(count, 1)[:, None], count > 0


def gaussian_maps(
    points: np.ndarray, visible: np.ndarray, map_size: tuple[int, int], sigma: float
) -> np.ndarray:
    """Gaussians at whole cells of one level, the maximum over persons.

    Args:
        points: [N x T x 2] (x, y) in cells of the level, truncated to whole cells.
        visible: [N x T], above 0 where there is something to draw.
        map_size: (h, w) of the level.
        sigma: standard deviation in cells; windows reach 3 sigma + 1 cells far.

    Returns:
        [T x h x w] float32 in [0, 1].
    """
    height, width = map_size
    maps = np.zeros((points.shape[1], height, width), dtype=np.float32)
    reach = int(3 * sigma + 1)
    offset = np.arange(-reach, reach + 1)
    bump = np.exp(-(offset[:, None] ** 2 + offset[None] ** 2) / (2 * sigma**2)).astype(np.float32)
    for person, kind in zip(*np.nonzero(visible > 0), strict=True):
        x, y = (int(value) for value in points[person, kind])
        if not (0 <= x < width and 0 <= y < height):
            continue
        left, right = max(x - reach, 0), min(x + reach + 1, width)
        top, bottom = max(y - reach, 0), min(y + reach + 1, height)
        window = maps[kind, top:bottom, left:right]
        part = bump[top - y + reach : bottom - y + reach, left - x + reach : right - x + reach]
        np.maximum(window, part, out=window)
    return maps


def encode_heatmaps(
    keypoints: np.ndarray,
    visible: np.ndarray,
    input_size: Sequence[int],
    downsample: int,
    sigma: float = 2.0,
) -> np.ndarray:
    """Targets of one level.

    Args:
        keypoints: [N x T x 2] (x, y) in input pixels.
        visible: [N x T], above 0 if labelled.
        input_size: [w, h] of the network input.
        downsample: input pixels of a cell.
        sigma: standard deviation in cells, the same at every level (authors' program: 2).

    Returns:
        [T x h/downsample x w/downsample] float32.
    """
    map_size = (input_size[1] // downsample, input_size[0] // downsample)
    return gaussian_maps(np.asarray(keypoints) / downsample, visible, map_size, sigma)
