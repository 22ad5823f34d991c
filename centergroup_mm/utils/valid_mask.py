"""Where in the network input the picture is, and where only padding."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from ..models.data_preprocessors.padded_images import PaddedImages


def warped_ones(
    size: tuple[int, int], center: np.ndarray, scale: np.ndarray, original: tuple[int, int]
) -> np.ndarray:
    """Where a warped picture of ones stays above one half, as in the authors' program.

    That is where -0.5 < source < size - 0.5 on both axes; which side exact ties fall on is
    up to OpenCV's fixed-point coordinates, hence the real warp.

    Args:
        size: (w, h) of the map in cells.
        center: middle of the map in pixels of the original image (x, y).
        scale: pixels of the original image that the map covers (x, y).
        original: (h, w) of the original image.

    Returns:
        [h x w] bool.
    """
    ratio = np.array(size, dtype=np.float64) / scale
    shift = np.array(size) / 2 - center * ratio
    matrix = np.array([[ratio[0], 0, shift[0]], [0, ratio[1], shift[1]]])
    ones = np.full(original, 255, dtype=np.uint8)
    return cv2.warpAffine(ones, matrix, size, flags=cv2.INTER_LINEAR) > 127


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
        inside = warped_ones(
            tuple(int(v) // stride for v in meta['input_size']),
            np.asarray(meta['input_center'], dtype=np.float64),
            np.asarray(meta['input_scale'], dtype=np.float64),
            tuple(int(v) for v in meta['ori_shape'][:2]),
        )
        mask[: inside.shape[0], : inside.shape[1]] = inside
    return torch.from_numpy(masks).to(device)


def images_by_cells(
    metas: Sequence[dict], canvas: tuple[int, int]
) -> list[tuple[tuple[int, int], list[int]]]:
    """Images of a batch that have the same size, in the order in which sizes come first.

    Args:
        metas: for each image ``input_size`` [w, h] in pixels; without it the image fills the
            canvas.
        canvas: (h, w) of the batch's feature maps at 1/4.

    Returns:
        for each size (h, w) in cells of the maps at 1/4, and which images have it.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for index, meta in enumerate(metas):
        size = tuple(canvas)
        if 'input_size' in meta:
            width, height = (-(-int(side) // 4) for side in meta['input_size'])
            size = (min(height, canvas[0]), min(width, canvas[1]))
        groups.setdefault(size, []).append(index)
    return list(groups.items())


def crop_views(
    views: Sequence[Tensor], members: Sequence[int], cells: tuple[int, int], reference: Tensor
) -> Tensor:
    """Features of some images on their own part of the canvas.

    Args:
        views: [B x C x h x w] of the images and, with flip test, of the mirrored canvas, where
            images end at the right border.
        members: indices of V' images.
        cells: (h, w) of their part on the maps of the original scale.
        reference: features of the original scale, for the ratio of scales.

    Returns:
        [V * V' x C x h' x w'], all images and then all mirrored ones.
    """
    parts = []
    for index, view in enumerate(views):
        view = view.plain() if isinstance(view, PaddedImages) else view
        height, width = (
            cell * side // full
            for cell, side, full in zip(cells, view.shape[-2:], reference.shape[-2:], strict=True)
        )
        part = view[:, :, :height, -width:] if index else view[:, :, :height, :width]
        parts.append(part if len(members) == len(part) else part[list(members)])
    return torch.cat(parts) if len(parts) > 1 else parts[0]
