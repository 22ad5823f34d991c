"""Embeddings at points, from windows, listed cells or whole maps, whichever is cheapest.

Costs are in cells of a whole map whose convolutions take as long, as measured on a CPU. All three
ways give the same embeddings up to rounding. An exported graph cannot choose, because it is for
maps of any size: where windows around all slots would cost more than a small map, it lists cells.
"""

from __future__ import annotations

from torch import Tensor, arange, div

from ...compat import can_list_cells, is_traced
from .embedding import EmbeddingCNN, embed_cells, embed_windows, window_cost
from .listed_cells import needed_cells
from .sampling import sample_at

# A traced graph uses windows if they cost no more than the map of a 256 x 256 input.
_TRACED_CELLS = 64 * 64
# Windows that cost less than so many cells are not worth a list of cells.
_FEW_CELLS = 2048


def embed_points(
    cnn: EmbeddingCNN, maps: Tensor, points: Tensor, used: Tensor, size: tuple[int, int]
) -> Tensor:
    """Embeddings at points, equal to ``sample_at(cnn(maps), points, size)`` up to rounding.

    Args:
        cnn: in evaluation mode, because batch statistics are those of whole maps.
        maps: backbone maps at 1/4, [B x C x h x w].
        points: [B x P x 2] (x, y) in whole pixels of the network input.
        used: [B x P] bool, points whose embeddings are needed; others may be 0.
        size: (H, W) of the network input.

    Returns:
        [B x P x D]
    """
    if maps.device.type == 'cpu' and not is_traced():
        return _embed_used(cnn, maps, points, used, size)
    # A graph is for maps of any size, and a GPU would have to wait for the number of used points.
    windows, whole = used.numel(), maps[:, 0].numel()
    if is_traced():
        windows, whole = used.shape[1], _TRACED_CELLS
    many = windows * window_cost(cnn) > whole
    if many and not can_list_cells():
        return sample_at(cnn(maps), points, size)
    images = arange(used.shape[0], device=used.device)[:, None].expand_as(used).flatten()
    given = maps, images, points.flatten(0, 1)
    if many:
        needed = needed_cells(*given, size, cnn.reach, used.flatten())
        values = embed_cells(cnn, maps, needed)
    else:
        values = embed_windows(cnn, *given, size)
    return values.view(*used.shape, -1)


def _embed_used(
    cnn: EmbeddingCNN, maps: Tensor, points: Tensor, used: Tensor, size: tuple[int, int]
) -> Tensor:
    """The same without the points that are not used, and at listed cells where windows overlap."""
    slots = used.flatten().nonzero()[:, 0]
    images = div(slots, used.shape[1], rounding_mode='floor')
    given = maps, images, points.flatten(0, 1)[slots]
    cost, whole = len(slots) * window_cost(cnn), maps[:, 0].numel()
    needed = needed_cells(*given, size, cnn.reach) if cost > _FEW_CELLS else None
    if needed is not None and needed.cost < min(cost, whole):
        values = embed_cells(cnn, maps, needed)
    elif cost > whole:
        return sample_at(cnn(maps), points, size)
    else:
        values = embed_windows(cnn, *given, size)
    empty = values.new_zeros(used.numel(), values.shape[1])
    return empty.index_copy(0, slots, values).view(*used.shape, -1)
