"""The targets of ``MoveNetCodec`` for a whole batch at once, on the device that trains."""

from __future__ import annotations

import torch
from torch import Tensor

from .views import Views


def draw_heatmaps(views: Views, stride: int = 4) -> Tensor:
    """Gaussians whose peak is exactly 1 at the cell of each keypoint, and of each box's middle.

    The widths are those of :class:`~centergroup_mm.codecs.movenet_codec.MoveNetCodec`.

    Args:
        views: of S x S pixels.
        stride: pixels for each cell.

    Returns:
        [B x K+1 x S/stride x S/stride], the center last.
    """
    cells = views.images.shape[-1] // stride
    person = views.labeled.any(-1)
    sides = (views.boxes[..., 2:] - views.boxes[..., :2]).clamp(min=0)
    size = sides.prod(-1).clamp(min=1).sqrt() / stride  # [B x N] in cells
    middle = (views.boxes[..., :2] + views.boxes[..., 2:]) / 2
    points = torch.cat([views.keypoints, middle[:, :, None]], 2) / stride
    drawn = torch.cat([views.labeled, person[..., None]], 2)
    width = (0.8 + 0.02 * size).clamp(1.0, 2.2)[..., None].expand(*size.shape, drawn.shape[2] - 1)
    width = torch.cat([width, (0.8 + 0.035 * size).clamp(1.0, 4.0)[..., None]], -1)[..., None]
    x, y = points.floor().clamp(0, cells - 1).unbind(-1)
    steps = torch.arange(cells, device=size.device)
    across = torch.exp(-((steps - x[..., None]) ** 2) / (2 * width**2)) * drawn[..., None]
    down = torch.exp(-((steps - y[..., None]) ** 2) / (2 * width**2))
    heatmaps = torch.zeros(len(size), drawn.shape[2], cells, cells, device=size.device)
    for row in range(size.shape[1]):  # a loop, because all persons at once need too much memory
        heatmaps = torch.maximum(heatmaps, down[:, row, :, :, None] * across[:, row, :, None])
    return heatmaps
