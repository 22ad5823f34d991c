"""Weights of the photograph model for other keypoints: those of keypoints it knows are kept."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: how the tensors that depend on the number of keypoints are made up, along one axis: end of the
#: name -> (axis, blocks); a block is 'K', '2K' (x and y of each keypoint) or '*', whatever is left
LAYOUTS: dict[str, tuple[int, tuple[str, ...]]] = {
    'branches.kpt_heatmap.1.weight': (0, ('K',)),
    'branches.kpt_heatmap.1.bias': (0, ('K',)),
    'branches.kpt_regress.1.weight': (0, ('2K',)),
    'branches.kpt_regress.1.bias': (0, ('2K',)),
    'branches.kpt_offset.1.weight': (0, ('2K',)),
    'branches.kpt_offset.1.bias': (0, ('2K',)),
    # sampled features: the pyramid, then the heatmaps, the center last
    'embedding.mean': (0, ('*', 'K', '1')),
    'embedding.std': (0, ('*', 'K', '1')),
    'from_features.weight': (1, ('*', 'K', '1')),
    'embedding.embed_keypoint.weight': (1, ('*', 'K', '1', '1')),
    # and the shape of the pose, its scale, sizes and log-odds
    'embedding.embed_center.weight': (1, ('*', 'K', '1', '2K', '4')),
    'embedding.types.weight': (0, ('K', '1')),
    'decoder.types.weight': (0, ('K',)),
    'decoder.log_width': (1, ('K',)),
    'attention.query': (0, ('K',)),
    'attention.key': (0, ('K',)),
    'attention.distance_weight': (0, ('K',)),
    'attention.score_weight': (0, ('K',)),
    'attention.own_bias': (0, ('K',)),
}


def transfer(
    weights: dict[str, Tensor], sources: Sequence[int | None], number: int
) -> dict[str, Tensor]:
    """Weights for other keypoints.

    Args:
        weights: of a ``PointCenterGroupHead`` model with a ``MoveNetHead``.
        sources: for each new keypoint the old one whose weights it takes; None for a keypoint that
            is new, which takes the mean of all old ones.
        number: of the old keypoints.

    Returns:
        the same tensors, those that depend on the number of keypoints for ``len(sources)``.
    """
    result = {}
    for name, value in weights.items():
        layout = next((made for end, made in LAYOUTS.items() if name.endswith(f'.{end}')), None)
        result[name] = value.clone() if layout is None else _remake(value, *layout, sources, number)
    return result


def _remake(
    value: Tensor, axis: int, blocks: Sequence[str], sources: Sequence[int | None], number: int
) -> Tensor:
    """Remake one tensor for other keypoints along an axis."""
    sizes = {'K': number, '2K': 2 * number}
    known = sum(sizes.get(block) or int(block) for block in blocks if block != '*')
    rest = value.shape[axis] - known
    lengths = [rest if block == '*' else sizes.get(block) or int(block) for block in blocks]
    parts = []
    for block, part in zip(blocks, value.split(lengths, axis), strict=True):
        if block in ('K', '2K'):
            part = part.unflatten(axis, (number, -1))
            new = part.mean(axis)
            chosen = [new if s is None else part.select(axis, s) for s in sources]
            part = torch.stack(chosen, axis).flatten(axis, axis + 1)
        parts.append(part)
    return torch.cat(parts, axis).clone()
