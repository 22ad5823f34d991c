"""Embedding convolutions at the cells that the sampled points depend on, and nowhere else.

A point is interpolated between four cells.  Each 3x3 convolution on the way back to the backbone's
map adds a ring of cells to what these depend on.  The rings of the points of a crowd overlap; here
a cell is computed once, however many points need it.  A convolution at a list of cells is the
product of a matrix, whose rows hold the 3x3 neighborhoods of the cells, with its weights.

The number of cells depends on the image. Exported graphs can have such a list, compiled ones
cannot: see :func:`~centergroup_mm.models.grouping.point_embeddings.embed_points`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ...compat import can_list_cells
from .sampling import bilinear_corners

#: rows of a matrix of neighborhoods that are gathered at once, so that it stays in the cache
_CHUNK = 512
#: cells of a whole map whose convolutions take as long as one cell of a list, measured on a CPU
CELL_COST = 1.7


class Cells(NamedTuple):
    """Cells of maps with a border of one cell, flat over images, rows and columns.

    ===== ============================= =====================================================
    flat  [N] int64                     ascending
    row   [B (h + 2) (w + 2)] int64     where each cell is in ``flat``, N for cells that are not
    ===== ============================= =====================================================
    """

    flat: Tensor
    row: Tensor

    @classmethod
    def where(cls, needed: Tensor) -> Cells:
        """The cells that are needed, [B x h+2 x w+2] bool."""
        needed = needed.flatten()
        row = needed.cumsum(0)
        return cls(needed.nonzero()[:, 0], torch.where(needed, row - 1, row[-1]))

    def read(self, values: Tensor, at: Tensor) -> Tensor:
        """Values of cells of this list.

        Args:
            values: [N+1 x C], the last row for cells that are not in the list.
            at: flat cells [...].

        Returns:
            [... x C].
        """
        return values.index_select(0, self.row[at].flatten()).view(*at.shape, values.shape[1])


class NeededCells(NamedTuple):
    """What the embeddings of points depend on.

    ======= ================ ==============================================================
    layers  list of Cells    inputs of the first 3x3 convolution, outputs of it, of the second ...
    corners [P x 4] int64    flat cells between which each point lies
    weights [P x 4]          weights of their values, summing to 1
    width   int              of the maps with their border, w + 2
    ======= ================ ==============================================================
    """

    layers: list[Cells]
    corners: Tensor
    weights: Tensor
    width: int

    @property
    def cost(self) -> float:
        """Number of cells of whole maps whose convolutions take as long."""
        outputs = self.layers[1:] or self.layers
        return CELL_COST * sum(len(cells.flat) for cells in outputs) / len(outputs)


def needed_cells(
    maps: Tensor,
    images: Tensor,
    points: Tensor,
    size: tuple[int, int],
    reach: int,
    used: Tensor | None = None,
) -> NeededCells:
    """Find the cells that the embeddings of points depend on.

    Args:
        maps: backbone maps at 1/4, [B x C x h x w].
        images: [P] int64, the image of each point.
        points: [P x 2] (x, y) in whole pixels of the network input.
        size: (H, W) of the network input.
        reach: number of 3x3 convolutions.
        used: [P] bool, points whose embeddings are needed; default: all.
    """
    number, _, height, width = maps.shape
    corners, weights = bilinear_corners(points, size, (height, width))
    y = torch.div(corners, width, rounding_mode='floor')
    padded = width + 2
    corners = ((images[:, None] * (height + 2)) + y + 1) * padded + corners - y * width + 1
    needed = torch.zeros(number * (height + 2) * padded, dtype=torch.bool, device=maps.device)
    chosen = corners if used is None else torch.where(used[:, None], corners, 0)
    needed[chosen.flatten()] = True
    needed[0] = False  # beyond the map, like all of the border
    needed = needed.view(number, height + 2, padded)
    layers = [Cells.where(needed)]
    for _ in range(reach):
        needed = _with_ring(needed)
        layers.append(Cells.where(needed))
    return NeededCells(layers[::-1], corners, weights, padded)


def _with_ring(needed: Tensor) -> Tensor:
    """Cells and their neighbors on the map, which ends before the border: [B x h+2 x w+2] bool."""
    rows = needed[:, :-2] | needed[:, 1:-1] | needed[:, 2:]
    inner = rows[..., :-2] | rows[..., 1:-1] | rows[..., 2:]
    return F.pad(inner, (1, 1, 1, 1))


def convolve(
    values: Tensor,
    source: Cells,
    target: Cells,
    weight: Tensor,
    bias: Tensor | None,
    width: int,
) -> Tensor:
    """A 3x3 convolution at a list of cells.

    Args:
        values: of the cells of ``source`` and, in the last row, zeros, [N+1 x C].
        source: with all neighbors of the cells of ``target`` that lie on the map.
        target: M cells.
        weight: [D x C x 3 x 3].
        bias: [D] or None.
        width: of the maps with their border.

    Returns:
        [M x D].
    """
    steps = torch.arange(-1, 2, device=values.device)
    steps = (steps[:, None] * width + steps).flatten()
    matrix = weight.permute(2, 3, 1, 0).reshape(-1, weight.shape[0])
    if can_list_cells():  # a graph has no chunks, and a matrix of all cells would be large
        taps = weight.flatten(2).permute(2, 1, 0)  # [9 x C x D]
        result = source.read(values, target.flat + steps[0]) @ taps[0]
        for step, tap in zip(steps[1:], taps[1:], strict=True):
            result = result + source.read(values, target.flat + step) @ tap
        return result if bias is None else result + bias
    parts = []
    for cells in target.flat.split(_CHUNK):
        around = source.read(values, cells[:, None] + steps).flatten(1)  # [m x 9 C]
        parts.append(around @ matrix if bias is None else torch.addmm(bias, around, matrix))
    return torch.cat(parts) if parts else values.new_zeros(0, weight.shape[0])


def with_zeros(values: Tensor) -> Tensor:
    """One more row, the value of cells beyond the map: [N x C] -> [N+1 x C]."""
    return F.pad(values, (0, 0, 0, 1))
