"""The picture inside the padded input as four numbers, and masks made of them in the graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..utils.valid_mask import warped_ones


def content_box(meta: dict) -> tuple[int, int, int, int]:
    """Where the picture lies in the network input, from the metas of a data sample.

    The box is read from the very mask that ``predict`` uses, OpenCV's ties included.

    Args:
        meta: ``ori_shape`` (h, w), ``input_size`` [w, h], ``input_center`` and ``input_scale``
            (x, y) in pixels of the original image.

    Returns:
        x0, y0, x1, y1 in pixels of the network input; x1 and y1 are the first behind it.
    """
    mask = warped_ones(
        tuple(int(side) for side in meta['input_size']),
        np.asarray(meta['input_center'], dtype=np.float64),
        np.asarray(meta['input_scale'], dtype=np.float64),
        tuple(int(side) for side in meta['ori_shape'][:2]),
    )
    columns, rows = (np.flatnonzero(mask.any(axis)) for axis in (0, 1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def content_masks(content: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Masks of the picture, as ``models.heads.content.content_mask`` makes them with OpenCV.

    A pixel belongs to the picture if its middle lies in the box.  Rows, columns and the mask at
    1/4, every fourth pixel of the full one, are exactly OpenCV's; the warp also cuts off the
    few pixels at a corner where row *and* column are only partly covered by the picture
    (their shares multiply to less than one half), which four numbers cannot tell.

    Args:
        content: [B x 4] x0, y0, x1, y1 in pixels of the network input, x1 and y1 behind it.
        size: (H, W) of the network input.

    Returns:
        [B x H/4 x W/4] and [B x H x W], 1 on the picture, float32.
    """
    x0, y0, x1, y1 = content.float()[:, None].unbind(-1)  # [B x 1] each
    rows = torch.arange(size[0], device=content.device) + 0.5
    columns = torch.arange(size[1], device=content.device) + 0.5
    rows = (rows >= y0) & (rows < y1)  # [B x H]
    columns = (columns >= x0) & (columns < x1)  # [B x W]
    full = (rows[:, :, None] & columns[:, None]).float()
    return full[:, ::4, ::4], full
