"""From heatmaps to a fixed number of keypoint and center proposals (paper, Section 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ...compat import is_exported

_CELL = 8  # pixels of a row that are compared at once; every map of a graph has a multiple


class Proposals(NamedTuple):
    """Peaks of one group of heatmap types, a fixed number for each type.

    ================ =============== ===============================================
    points           [B x T x R x 2] (x, y), whole pixels of the network input
    scores           [B x T x R]     heatmap value at the peak, descending along R
    valid            [B x T x R]     bool, False for slots that take no part
    ================ =============== ===============================================
    """

    points: Tensor
    scores: Tensor
    valid: Tensor

    def flatten(self) -> Proposals:
        """Types and ranks as one axis of slots: [B x (T R) x 2], [B x (T R)], [B x (T R)]."""
        return Proposals(self.points.flatten(1, 2), self.scores.flatten(1), self.valid.flatten(1))


def merge_heatmap_levels(levels: Sequence[Tensor]) -> Tensor:
    """Mean of the heatmaps of all levels at the resolution of the finest (HigherHRNet).

    Args:
        levels: maps [B x T x h x w], coarse to fine.

    Returns:
        [B x T x h x w] of the last level, float32 whatever the autocast.
    """
    *coarse, finest = (level.float() for level in levels)
    merged = finest
    for level in coarse:
        merged = merged + F.interpolate(
            level, size=finest.shape[-2:], mode='bilinear', align_corners=False
        )
    return merged / len(levels) if coarse else merged


def window_maximum(maps: Tensor, size: int) -> Tensor:
    """Maximum over a centered ``size`` x ``size`` window, equal to a max-pool with stride 1.

    A square maximum is a maximum along rows of a maximum along columns, and a run of n values
    takes log2(n) shifted maxima; on a CPU this is about thirty times as fast as ``max_pool2d``. In
    an exported graph it is a max-pool, which ONNX Runtime computes ten times as fast.

    Args:
        maps: [B x T x H x W].
        size: odd width of the window in pixels.

    Returns:
        [B x T x H x W].

    Raises:
        ValueError: ``size`` is even or not positive.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f'the window must be odd and positive, got {size}')
    half = size // 2
    if is_exported():
        return F.max_pool2d(maps, size, stride=1, padding=half)
    run = F.pad(maps, (half, half, half, half), value=float('-inf'))
    for dim in (-2, -1):
        width = 1
        while width < size:
            step = min(width, size - width)
            count = run.shape[dim] - step
            run = torch.maximum(run.narrow(dim, 0, count), run.narrow(dim, step, count))
            width += step
    return run


def find_peaks(maps: Tensor, size: int) -> Tensor:
    """The maps with all values that are not the maximum of their window set to zero."""
    return torch.where(window_maximum(maps, size) == maps, maps, 0.0)


def _ranked(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The highest values along the last axis and their indices; equal values keep their order."""
    values, index = values.sort(stable=True, dim=-1, descending=True)
    return values[..., :count], index[..., :count]


def _best_groups(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Groups that contain the ``count`` highest values, in their original order.

    Args:
        values: [B x T x G x L], G groups of L neighbors.
        count: groups wanted.

    Returns:
        - [B x T x count x L] the groups
        - [B x T x count] their indices, ascending
    """
    order = _ranked(values.amax(-1), count)[1].sort(-1).values
    return values.gather(2, order[..., None].expand(-1, -1, -1, values.shape[-1])), order


def rank_values(maps: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The highest values of every map; equal values are in row-major order.

    ``torch.topk`` does not define the order of equal values, and every backend has its own; ONNX
    defines it as here. The highest values can only be in the rows with the highest maxima, and
    there in the short runs of pixels with the highest maxima, so only few values are sorted.

    Args:
        maps: [B x T x H x W].
        count: R, values wanted of each map, at most H * W.

    Returns:
        values, descending, and their x and y (int64), each [B x T x R].
    """
    height, width = maps.shape[-2:]
    if width % _CELL:
        maps = F.pad(maps, (0, -width % _CELL), value=float('-inf'))
    padded = maps.shape[-1]
    rows, row = _best_groups(maps, min(count, height))
    cells = rows.unflatten(-1, (padded // _CELL, _CELL)).flatten(2, 3)
    cells, cell = _best_groups(cells, min(count, cells.shape[2]))
    values, index = _ranked(cells.flatten(2), count)
    which = torch.div(index, _CELL, rounding_mode='floor')
    at = cell.gather(-1, which) * _CELL + index - which * _CELL  # in the chosen rows
    which = torch.div(at, padded, rounding_mode='floor')
    return values, at - which * padded, row.gather(-1, which)


def select_proposals(
    maps: Tensor,
    num_slots: int,
    nms_size: int,
    score_thr: float = 0.005,
    min_slots: int = 3,
    allowed: Tensor | None = None,
) -> Proposals:
    """Non-maximum suppression and the best ``num_slots`` peaks of every type.

    The defaults are those of the official implementation; the paper (supplement C.2) has 0.01 and
    5. Equal peaks rank in row-major order, here and in an exported graph.

    Args:
        maps: heatmaps [B x T x H x W] at input resolution, zero in the padding.
        num_slots: ranks kept for each type.
        nms_size: odd window of the suppression in pixels.
        score_thr: peaks that are at least this high are valid.
        min_slots: the first ``min_slots`` peaks of each type are valid, however low.
        allowed: [B x H x W] bool; False where no proposal may take part (padding, crowds).
            Such peaks still take slots, as in the official implementation.

    Returns:
        Proposals [B x T x R ...] with R = ``num_slots``.
    """
    scores, x, y = rank_values(find_peaks(maps, nms_size), num_slots)  # [B x T x R] each
    points = torch.stack([x, y], dim=-1)  # [B x T x R x 2]
    rank = torch.arange(num_slots, device=maps.device)
    valid = (scores >= score_thr) | (rank < min_slots)
    if allowed is not None:
        flat = (y * maps.shape[-1] + x).flatten(1)
        valid = valid & allowed.flatten(1).gather(1, flat).view_as(valid)
    return Proposals(points, scores, valid)
