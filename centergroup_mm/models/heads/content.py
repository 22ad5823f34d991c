"""Where in the network input the picture is, and where only padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def axis_inside(length: int, center: float, scale: float, original: int) -> np.ndarray:
    """Cells of one axis whose source lies on the original image.

    A cell is inside if its source coordinate is between -0.5 and ``original`` - 0.5, which is
    where a warped image of ones stays above one half (authors' program).

    Args:
        length: cells of the map along this axis.
        center: middle of the map in pixels of the original image.
        scale: pixels of the original image that the map covers.
        original: size of the original image in pixels.

    Returns:
        [length] bool.
    """
    source = (np.arange(length) - length / 2) * (scale / length) + center
    return (source > -0.5) & (source < original - 0.5)


def content_mask(
    metas: Sequence[dict], size: tuple[int, int], stride: int, device: torch.device | str
) -> Tensor:
    """Mask of the picture inside the padded canvas of a batch.

    Args:
        metas: for each image ``ori_shape`` (h, w), ``input_size`` [w, h], ``input_center`` and
            ``input_scale`` (x, y) in pixels of the original image.  An image without them
            fills its canvas.
        size: (H, W) of the batch canvas in pixels; smaller images lie at its top left.
        stride: pixels of a cell of the mask.
        device: where the mask is wanted.

    Returns:
        [B x H/stride x W/stride], 1 on the picture, float32.
    """
    height, width = size[0] // stride, size[1] // stride
    masks = np.zeros((len(metas), height, width), dtype=np.float32)
    for mask, meta in zip(masks, metas, strict=True):
        if 'input_center' not in meta or 'ori_shape' not in meta:
            mask[:] = 1
            continue
        inside = [
            axis_inside(
                int(meta['input_size'][axis]) // stride,
                float(meta['input_center'][axis]),
                float(meta['input_scale'][axis]),
                int(meta['ori_shape'][1 - axis]),
            )
            for axis in (0, 1)
        ]
        mask[: len(inside[1]), : len(inside[0])] = np.outer(inside[1], inside[0])
    return torch.from_numpy(masks).to(device)
