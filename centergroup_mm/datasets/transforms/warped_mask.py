"""Masks of the original image as masks of a training crop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np


def warp_masks(
    mask: np.ndarray, results: Mapping[str, Any], downsample: Sequence[int]
) -> list[np.ndarray]:
    """Warp a mask as the image was, to several resolutions, by the authors' program's rule.

    A cell is inside where the bilinearly warped mask is above one half; beyond the image it is 0.

    Args:
        mask: [h x w] bool, of the original image.
        results: of a pipeline behind affine transform and flip: ``input_size`` [w, h] and
            optionally ``warp_mat`` (original to input pixels, [2 x 3]), ``flip`` and
            ``flip_direction``.
        downsample: input pixels for each cell of the masks.

    Returns:
        [H/s x W/s] bool for each s of ``downsample``.

    Raises:
        ValueError: the image was warped by a perspective, or flipped other than horizontally.
    """
    matrix = np.asarray(results.get('warp_mat', np.eye(2, 3)), dtype=np.float64)
    if matrix.shape != (2, 3):
        raise ValueError(f'warp_mat must be affine [2 x 3], got {matrix.shape}')
    flip = results.get('flip_direction') if results.get('flip', False) else None
    if flip not in (None, 'horizontal'):
        raise ValueError(f'flip_direction must be horizontal, got {flip}')
    width, height = (int(side) for side in results['input_size'][:2])
    source = np.where(mask, 255, 0).astype(np.uint8)
    masks = []
    for stride in downsample:
        # Cell (u, v) of a level is pixel (stride u, stride v) of the input: no half cell.
        warped = cv2.warpAffine(
            source, matrix / stride, (width // stride, height // stride), flags=cv2.INTER_LINEAR
        )
        inside = warped > 127
        masks.append(np.ascontiguousarray(inside[:, ::-1] if flip else inside))
    return masks
