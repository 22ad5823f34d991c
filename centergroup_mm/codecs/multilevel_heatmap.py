"""Heatmap targets at several resolutions, in plain numpy.

Axis letters: N persons, K joint types, T heatmap types (K, or K + 1 with the center last).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def inside_input(
    keypoints: np.ndarray, visible: np.ndarray, input_size: Sequence[int]
) -> np.ndarray:
    """Joints that are labelled and lie in the network input.

    MMPose's affine transforms move joints out of the crop without touching their visibility,
    so a codec has to do it.

    Args:
        keypoints: [N x K x 2] (x, y) in pixels of the network input.
        visible: [N x K], above 0 if labelled.
        input_size: [w, h] in pixels.

    Returns:
        [N x K] bool.
    """
    inside = ((keypoints >= 0) & (keypoints < np.asarray(input_size[:2]))).all(axis=-1)
    return inside & (np.asarray(visible) > 0)


def encode_centers(
    keypoints: np.ndarray, visible: np.ndarray, input_size: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Center of every person: the mean of its visible joints inside the crop (paper, 4.2).

    Args:
        keypoints: [N x K x 2] (x, y) in pixels of the network input.
        visible: [N x K], above 0 if labelled.
        input_size: [w, h] in pixels.

    Returns:
        - centers [N x 2] in the same pixels, float32, zeros where there is none
        - center_valid [N] bool, False for a person without a visible joint inside
    """
    counted = inside_input(keypoints, visible, input_size)
    number = counted.sum(axis=1)
    total = (np.asarray(keypoints, dtype=np.float64) * counted[..., None]).sum(axis=1)
    centers = total / np.maximum(number, 1)[:, None]
    return centers.astype(np.float32), number > 0


def draw_gaussians(
    points: np.ndarray, visible: np.ndarray, size: Sequence[int], sigma: float = 2.0
) -> np.ndarray:
    """Gaussians at truncated positions of one level's grid, persons merged by maximum.

    The peak is exactly 1 at the cell ``int(x), int(y)`` and the support is a square of
    3 sigma + 1 cells to every side, both as in the authors' program.

    Args:
        points: [N x T x 2] (x, y) in cells of this level.
        visible: [N x T], above 0 if the point is to be drawn.
        size: [w, h] of the level in cells.
        sigma: standard deviation in cells.

    Returns:
        [T x h x w] float32.
    """
    width, height = int(size[0]), int(size[1])
    heatmaps = np.zeros((points.shape[1], height, width), dtype=np.float32)
    radius = int(3 * sigma + 1)
    # The square is separable: one row of weights serves both axes.
    steps = np.arange(-radius, radius + 1)
    line = np.exp(-(steps**2) / (2 * sigma**2))
    patch = np.outer(line, line).astype(np.float32)
    cells = np.floor(points).astype(np.int64)
    drawn = (np.asarray(visible) > 0) & ((cells >= 0) & (cells < (width, height))).all(axis=-1)
    for person, channel in zip(*np.nonzero(drawn), strict=True):
        x, y = cells[person, channel]
        left, top = max(x - radius, 0), max(y - radius, 0)
        right, bottom = min(x + radius + 1, width), min(y + radius + 1, height)
        part = patch[top - y + radius : bottom - y + radius, left - x + radius : right - x + radius]
        region = heatmaps[channel, top:bottom, left:right]
        np.maximum(region, part, out=region)
    return heatmaps


def encode_heatmaps(
    keypoints: np.ndarray,
    visible: np.ndarray,
    input_size: Sequence[int],
    downsample: int,
    sigma: float = 2.0,
) -> np.ndarray:
    """Target heatmaps of one level.

    Args:
        keypoints: [N x T x 2] (x, y) in pixels of the network input.
        visible: [N x T], above 0 if the point is to be drawn; points outside never are.
        input_size: [w, h] of the network input in pixels.
        downsample: pixels of the network input for each cell of the level (4 or 2).
        sigma: standard deviation in cells, the same at every level.

    Returns:
        [T x h/downsample x w/downsample] float32 between 0 and 1.

    Raises:
        ValueError: ``input_size`` is no multiple of ``downsample``.
    """
    width, height = int(input_size[0]), int(input_size[1])
    if width % downsample or height % downsample:
        raise ValueError(f'input_size {(width, height)} is no multiple of {downsample}')
    size = (width // downsample, height // downsample)
    visible = inside_input(keypoints, visible, input_size)
    return draw_gaussians(keypoints / downsample, visible, size, sigma)
