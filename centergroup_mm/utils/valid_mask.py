"""The valid mask: where in the padded network input the image is.

The region can be described by the affine map in a data sample's metadata (:func:`valid_mask`), by
    the warp of a training crop (:func:`warp_mask`), or by four numbers that an exported graph takes
    as an input (:func:`valid_box`, :func:`masks_of_boxes`). All three follow the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor


def warp_mask(mask: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Warp a mask bilinearly; cells above one half are inside, as in the official implementation.

    For a mask of ones these are the cells with -0.5 < source < size - 0.5 on both axes. OpenCV's
    fixed-point coordinates decide exact ties, so the mask is really warped.

    Args:
        mask: [h x w] bool.
        matrix: [2 x 3] from cells of ``mask`` to cells of the result.
        size: (w, h) of the result.

    Returns:
        [h x w] bool, False beyond the mask.
    """
    source = np.where(mask, 255, 0).astype(np.uint8)
    return cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR) > 127


def valid_cells(meta: Mapping[str, Any], stride: int) -> np.ndarray:
    """Which cells of the network input show the image.

    Args:
        meta: ``ori_shape`` (h, w), ``input_size`` [w, h], ``input_center`` and ``input_scale``
            (x, y) in pixels of the original image.
        stride: pixels of a cell.

    Returns:
        [h x w] bool with h and w of the input divided by ``stride``.
    """
    size = tuple(int(side) // stride for side in meta['input_size'])
    ratio = np.array(size, dtype=np.float64) / np.asarray(meta['input_scale'], dtype=np.float64)
    shift = np.array(size) / 2 - np.asarray(meta['input_center'], dtype=np.float64) * ratio
    matrix = np.array([[ratio[0], 0, shift[0]], [0, ratio[1], shift[1]]])
    return warp_mask(np.ones(tuple(map(int, meta['ori_shape'][:2])), dtype=bool), matrix, size)


def valid_mask(
    metas: Sequence[Mapping[str, Any]],
    size: tuple[int, int],
    stride: int,
    device: torch.device | str,
) -> Tensor:
    """Mask of the image inside the padded canvas of a batch.

    Args:
        metas: for each image the metadata that :func:`valid_cells` reads.  An image without it
            fills its canvas.
        size: (H, W) of the batch canvas in pixels; smaller images lie at its top left.
        stride: pixels of a cell of the mask.
        device: where the mask is wanted.

    Returns:
        [B x H/stride x W/stride], 1 on the image, float32.
    """
    height, width = size[0] // stride, size[1] // stride
    masks = np.zeros((len(metas), height, width), dtype=np.float32)
    for mask, meta in zip(masks, metas, strict=True):
        if 'input_center' not in meta or 'ori_shape' not in meta:
            mask[:] = 1
            continue
        inside = valid_cells(meta, stride)
        mask[: inside.shape[0], : inside.shape[1]] = inside
    return torch.from_numpy(masks).to(device)


def valid_box(meta: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Where the image lies in the network input, read from the mask that ``predict`` uses.

    Args:
        meta: see :func:`valid_cells`.

    Returns:
        x0, y0, x1, y1 in pixels of the network input; x1 and y1 are the first pixels after the
        image.
    """
    mask = valid_cells(meta, 1)
    columns, rows = (np.flatnonzero(mask.any(axis)) for axis in (0, 1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def masks_of_boxes(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Valid masks at 1/4 and at full resolution, made of boxes inside an exported graph.

    A pixel is valid if its middle lies in the box.  Rows, columns and the mask at 1/4, every
    fourth pixel of the full one, are exactly those of :func:`valid_mask`; the warp also cuts off a
    few pixels at the corners, where row *and* column are only partly covered by the image (the
    product of the two shares is below one half), which four numbers cannot express.

    Args:
        boxes: [B x 4] x0, y0, x1, y1 in pixels of the network input, x1 and y1 behind it.
        size: (H, W) of the network input.

    Returns:
        [B x H/4 x W/4] and [B x H x W], 1 on the image, float32.
    """
    x0, y0, x1, y1 = boxes.float()[:, None].unbind(-1)  # [B x 1] each
    rows = torch.arange(size[0], device=boxes.device) + 0.5
    columns = torch.arange(size[1], device=boxes.device) + 0.5
    rows = (rows >= y0) & (rows < y1)  # [B x H]
    columns = (columns >= x0) & (columns < x1)  # [B x W]
    full = (rows[:, :, None] & columns[:, None]).float()
    return full[:, ::4, ::4], full
