"""Merging of views: the image and the mirrored image of a flip test, and other scales."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .attention import GroupingOutput
from .proposals import Proposals, merge_heatmap_levels


def mirror_heatmaps(maps: Tensor, flip_indices: Tensor) -> Tensor:
    """Map heatmaps of the mirrored image back to the original: mirror them and swap left and right.

    Args:
        maps: [B x T x H x W].
        flip_indices: [T] int64, the mirror type of every type (a center mirrors to itself).
    """
    return maps.flip(-1)[:, flip_indices]


def merge_heatmaps(
    scales: Sequence[Sequence[Tensor]], size: tuple[int, int], flip_types: Tensor | None = None
) -> Tensor:
    """Merge levels, views and scales to one map of each type at input resolution.

    Args:
        scales: for each test scale the heatmaps of all levels, coarse to fine,
            [V B x T x h x w].
        size: (H, W) of the network input in pixels.
        flip_types: [T] the mirror type of every type; V = 2 if given, first all images and then
            all mirrored images, else V = 1.

    Returns:
        [B x T x H x W], float32.
    """
    merged = []
    for levels in scales:
        maps = merge_heatmap_levels(levels)  # [V B x T x h x w] of the finest level
        if flip_types is not None:
            half = maps.shape[0] // 2  # chunk(2) would fix the batch size of an exported graph
            original, flipped = maps[:half], maps[half:]
            maps = (original + mirror_heatmaps(flipped, flip_types)) / 2
        if maps.shape[-2:] != size:
            maps = F.interpolate(maps, size=size, mode='bilinear', align_corners=False)
        merged.append(maps)
    return sum(merged[1:], merged[0]) / len(merged) if len(merged) > 1 else merged[0]


def mirror_proposals(proposals: Proposals, flip_indices: Tensor, width: int) -> Proposals:
    """Peaks in the coordinates of the mirrored image; each keeps its rank.

    Args:
        proposals: [B x T x R ...].
        flip_indices: [T] int64.
        width: W of the network input in pixels.
    """
    points, scores, valid = (field[:, flip_indices] for field in proposals)
    x, y = points.unbind(-1)
    return Proposals(torch.stack([width - 1 - x, y], dim=-1), scores, valid)


def merge_mirrored(output: GroupingOutput, flip_indices: Tensor, width: int) -> GroupingOutput:
    """Merge the predictions of both views for each center.

    Centers with the same slot are paired, because :func:`mirror_proposals` keeps the slots. Person
    and visibility logits are averaged, and a joint's location is taken from the view with the
    larger visibility logit, the original on ties (official implementation).

    Args:
        output: of 2 B views, first all images and then all mirrored images.
        flip_indices: [K] int64, joints only.
        width: W of the network input in pixels.

    Returns:
        GroupingOutput for B images; ``attention`` is that of the unmirrored view.
    """
    attention, soft, hard, visibility, center = output
    half = center.shape[0] // 2
    original, flipped = visibility[:half], visibility[half:][:, :, flip_indices]
    take_flipped = (flipped > original)[..., None]

    def pick(points: Tensor) -> Tensor:
        """Each joint from the view with the larger logit, in coordinates of the original one."""
        mirrored = points[half:][:, :, flip_indices]
        x, y = mirrored.unbind(-1)
        return torch.where(take_flipped, torch.stack([width - 1 - x, y], dim=-1), points[:half])

    return GroupingOutput(
        attention[:half],
        pick(soft),
        pick(hard),
        (original + flipped) / 2,
        (center[:half] + center[half:]) / 2,
    )
