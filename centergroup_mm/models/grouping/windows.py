"""The embedding CNN evaluated only where it is read.

A value between four cells depends on a window of 10 x 10 cells of the backbone map.  The
convolutions of one window cost what those of some 34 cells of a whole map do, so that up to 480
points of an input of 512 x 512 pixels are cheaper alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .embedding import EmbeddingCNN
from .sampling import bilinear_corners


def window_cost(cnn: EmbeddingCNN) -> float:
    """Cells of a whole map whose convolutions take as long as those of one window.

    The mean area of the outputs of its convolutions, and a seventh for their being small, as
    measured on a CPU.
    """
    outputs = [side * side for side in range(2, 2 * cnn.reach + 1, 2)] or [4]
    return 8 / 7 * sum(outputs) / len(outputs)


def embed_windows(
    cnn: EmbeddingCNN, features: Tensor, images: Tensor, points: Tensor, size: tuple[int, int]
) -> Tensor:
    """Embeddings at points: ``sample_at(cnn(features), points, size)``, rounding apart.

    Args:
        cnn: in evaluation mode, as batch statistics are those of whole maps.
        features: backbone maps at 1/4, [B x C x h x w].
        images: [N] int64, the image of each point.
        points: [N x 2] (x, y) in whole pixels of the network input.
        size: (H, W) of the network input.

    Returns:
        [N x D]
    """
    corners, weights = bilinear_corners(points, size, (features.shape[-2], features.shape[-1]))
    values = cnn.on_windows(*cut_windows(features, images, corners[:, 0], cnn.reach))
    return (values.flatten(2) * weights[:, None]).sum(-1)


def cut_windows(maps: Tensor, images: Tensor, cells: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Cut square windows, of which a part may lie beyond the map.

    Args:
        maps: [B x C x h x w].
        images: [N] int64.
        cells: [N] int64, y * w + x of the upper left of the four cells in the middle.
        reach: cells around those four.

    Returns:
        windows [N x C x s x s] with s = 2 reach + 2, and [N x 1 x s x s], 1 on the map and 0
        beyond, where the windows hold the nearest cell.
    """
    height, width = maps.shape[-2:]
    steps = torch.arange(-reach, reach + 2, device=maps.device)
    y = cells // width
    rows = y[:, None] + steps  # [N x s]
    columns = (cells - y * width)[:, None] + steps
    inside = ((rows >= 0) & (rows < height))[:, :, None]
    inside = inside & ((columns >= 0) & (columns < width))[:, None]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    index = (images[:, None, None] * height + rows[:, :, None]) * width + columns[:, None]
    # Cells side by side: one copy for each, and the layout that convolutions like.
    cells = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    windows = cells.index_select(0, index.flatten()).view(*index.shape, maps.shape[1])
    return windows.permute(0, 3, 1, 2), inside[:, None].to(maps.dtype)
