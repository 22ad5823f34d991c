"""Heatmap targets at several resolutions, in plain numpy.

Axis letters: N persons, K joint types, T heatmap types (K, or K + 1 with the center last).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def inside_input(
    keypoints: np.ndarray, visible: np.ndarray, input_size: Sequence[int]
) -> np.ndarray:
    """Joints that are labeled and lie in the network input.

    MMPose's affine transforms move joints out of the crop without changing their visibility, so the
    codec has to check it.

    Args:
        keypoints: [N x K x 2] (x, y) in pixels of the network input.
        visible: [N x K], above 0 if labeled.
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
        visible: [N x K], above 0 if labeled.
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

    The peak is exactly 1 at the cell ``int(x), int(y)``, and the Gaussian covers a square of 3
    sigma + 1 cells to every side, both as in the official implementation.

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
    cells = points.astype(np.int64)  # towards 0, as int()
    drawn = (np.asarray(visible) > 0) & ((cells >= 0) & (cells < (width, height))).all(axis=-1)
    for person, channel in zip(*np.nonzero(drawn), strict=True):
        x, y = cells[person, channel]
        left, top = max(x - radius, 0), max(y - radius, 0)
        right, bottom = min(x + radius + 1, width), min(y + radius + 1, height)
        part = patch[top - y + radius : bottom - y + radius, left - x + radius : right - x + radius]
        region = heatmaps[channel, top:bottom, left:right]
        np.maximum(region, part, out=region)
    return heatmaps


def mirror_shift(mirrored: bool | None, downsample: int) -> float:
    """Horizontal offset of a target from its joint in a mirrored crop.

    The official implementation mirrors joints on the grid of each level, cell u to w - 1 - u, but
    images in pixels, x to W - 1 - x. At 1/4 its target is therefore 3/4 of a cell left of the
    joint, and at 1/2 half a cell.

    Args:
        mirrored: the crop is mirrored.
        downsample: pixels of the network input for each cell.

    Returns:
        the offset in cells, 0 or negative.
    """
    return 1 / downsample - 1 if mirrored else 0.0


def encode_heatmaps(
    keypoints: np.ndarray,
    visible: np.ndarray,
    input_size: Sequence[int],
    downsample: int,
    sigma: float = 2.0,
    with_center: bool = False,
    mirrored: bool | None = None,
) -> np.ndarray:
    """Target heatmaps of one level.

    Args:
        keypoints: [N x K x 2] (x, y) in pixels of the network input.
        visible: [N x K], above 0 if the point is to be drawn; points outside never are.
        input_size: [w, h] of the network input in pixels.
        downsample: pixels of the network input for each cell of the level (4 or 2).
        sigma: standard deviation in cells, the same at every level.
        with_center: append the heatmap of the centers. In a mirrored crop, joints that the offset
            moves off the map are drawn at its edge and do not count for the center.
        mirrored: draw as the official implementation does in mirrored crops, see
            :func:`mirror_shift`.

    Returns:
        [T x h/downsample x w/downsample] float32 between 0 and 1.

    Raises:
        ValueError: ``input_size`` is no multiple of ``downsample``.
    """
    width, height = int(input_size[0]), int(input_size[1])
    if width % downsample or height % downsample:
        raise ValueError(f'input_size {(width, height)} is no multiple of {downsample}')
    size = (width // downsample, height // downsample)
    drawn = inside_input(keypoints, visible, input_size)
    points = keypoints / downsample + (mirror_shift(mirrored, downsample), 0.0)
    if with_center:
        centers, has_center = encode_centers(points, drawn, size)
        points = np.concatenate([points, centers[:, None]], axis=1)
        drawn = np.concatenate([drawn, has_center[:, None]], axis=1)
    return draw_gaussians(points, drawn, size, sigma)


def encode_levels(
    keypoints: np.ndarray,
    visible: np.ndarray,
    input_size: Sequence[int],
    sigma: float = 2.0,
    with_center: bool = True,
    mirrored: bool | None = None,
) -> list[np.ndarray]:
    """Target heatmaps at 1/4 and 1/2, see :func:`encode_heatmaps`."""
    return [
        encode_heatmaps(keypoints, visible, input_size, stride, sigma, with_center, mirrored)
        for stride in (4, 2)
    ]
