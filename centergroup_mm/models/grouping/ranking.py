"""The highest values of a map in a fixed order, ties included."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_CELL = 16  # pixels of a row that are compared at once


def _ranked(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The highest values along the last axis and their indices, the first of equals leading."""
    values, index = values.sort(stable=True, dim=-1, descending=True)
    return values[..., :count], index[..., :count]


def _best_groups(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Groups that hold the ``count`` highest values, in the order in which they come.

    Args:
        values: [B x T x G x L], G groups of L neighbours.
        count: groups wanted.

    Returns:
        - [B x T x count x L] the groups
        - [B x T x count] their number, ascending
    """
    order = _ranked(values.amax(-1), count)[1].sort(-1).values
    return values.gather(2, order[..., None].expand(-1, -1, -1, values.shape[-1])), order


def rank_values(maps: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The highest values of every map; of equal values the one first in row-major order leads.

    ``torch.topk`` leaves the order of equal values open, and each backend has its own; ONNX
    fixes it as here.  Only the rows, and of those the cells of a few pixels, with the highest
    maxima can hold the highest values, so that little is left to sort.

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
