"""Values of maps at points, without upsampling the maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def sample_at(maps: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """Values that bilinear upsampling to ``size`` would have at whole-pixel points.

    The official implementation upsamples maps of 128 channels to the input resolution and indexes
    them. Interpolating the four neighbors of each point gives the same numbers
    (``align_corners=False``).

    Args:
        maps: [B x D x h x w].
        points: [B x P x 2] (x, y) in whole pixels of the network input.
        size: (H, W) of the network input.

    Returns:
        [B x P x D] in float32.
    """
    x, y = points.float().unbind(-1)
    x, y = (x + 0.5) / size[1] * 2 - 1, (y + 0.5) / size[0] * 2 - 1
    grid = torch.stack([x, y], dim=-1)
    values = F.grid_sample(
        maps.float(), grid[:, :, None], mode='bilinear', padding_mode='border', align_corners=False
    )  # [B x D x P x 1]
    return values[..., 0].transpose(1, 2)


def bilinear_corners(
    points: Tensor, size: tuple[int, int], map_size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The four cells of a map that a point of the network input lies between.

    Args:
        points: [B x P x 2] (x, y) in whole pixels of the network input.
        size: (H, W) of the network input.
        map_size: (h, w) of the map.

    Returns:
        flat cell index y * w + x [B x P x 4] (int64) and weight [B x P x 4], summing to 1.
    """
    lows, highs, fractions = [], [], []
    for axis, (full, small) in enumerate(((size[1], map_size[1]), (size[0], map_size[0]))):
        at = ((points[..., axis].float() + 0.5) * (small / full) - 0.5).clamp(0, small - 1)
        low = at.floor()
        lows.append(low.long())
        highs.append((low + 1).clamp(max=small - 1).long())
        fractions.append(at - low)
    (x0, y0), (x1, y1), (fx, fy) = lows, highs, fractions
    width = map_size[1]
    index = torch.stack([y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1], -1)
    weight = torch.stack([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx], -1)
    return index, weight


def value_at(maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Values of maps at whole-pixel positions, one map for each entry of the second axis.

    Args:
        maps: [B x K x H x W].
        x, y: [B x K x N] int64, clamped to the map.

    Returns:
        [B x K x N].
    """
    height, width = maps.shape[-2:]
    index = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    return maps.flatten(2).gather(2, index)
