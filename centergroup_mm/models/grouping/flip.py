"""Flip test: the mirrored picture as a second view of the same people."""

from __future__ import annotations

import torch
from torch import Tensor

from .attention import GroupingOutput
from .proposals import Proposals


def mirror_heatmaps(maps: Tensor, flip_indices: Tensor) -> Tensor:
    """Heatmaps of the mirrored picture brought back: mirrored, left and right types swapped.

    Args:
        maps: [B x T x H x W].
        flip_indices: [T] int64, the mirror type of every type (a center mirrors to itself).
    """
    return maps.flip(-1)[:, flip_indices]


def mirror_proposals(proposals: Proposals, flip_indices: Tensor, width: int) -> Proposals:
    """The same peaks as the mirrored picture shows them; rank r stays paired with rank r.

    Args:
        proposals: [B x T x R ...].
        flip_indices: [T] int64.
        width: W of the network input in pixels.
    """
    points, scores, valid = (field[:, flip_indices] for field in proposals)
    x, y = points.unbind(-1)
    return Proposals(torch.stack([width - 1 - x, y], dim=-1), scores, valid)


def merge_mirrored(output: GroupingOutput, flip_indices: Tensor, width: int) -> GroupingOutput:
    """Average what both views say of a center; each joint's place from the surer view.

    Centers are paired by mirrored position, which :func:`mirror_proposals` makes their slot.
    Person and visibility logits are averaged, and a joint's location is taken from the view
    with the larger visibility logit, the original on ties (authors' program).

    Args:
        output: of 2 B views, first all pictures and then all mirrored pictures.
        flip_indices: [K] int64, joints only.
        width: W of the network input in pixels.

    Returns:
        GroupingOutput for B images; ``attention`` is that of the unmirrored view.
    """
    attention, soft, hard, visibility, center = output
    half = center.shape[0] // 2
    there, back = visibility[:half], visibility[half:][:, :, flip_indices]
    take_back = (back > there)[..., None]

    def pick(points: Tensor) -> Tensor:
        """Each joint from the surer view, in the coordinates of the unmirrored one."""
        mirrored = points[half:][:, :, flip_indices]
        x, y = mirrored.unbind(-1)
        return torch.where(take_back, torch.stack([width - 1 - x, y], dim=-1), points[:half])

    return GroupingOutput(
        attention[:half],
        pick(soft),
        pick(hard),
        (there + back) / 2,
        (center[:half] + center[half:]) / 2,
    )
