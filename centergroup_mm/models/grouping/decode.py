"""From grouping outputs to poses: scores and sub-pixel refinement, without learned weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .attention import GroupingOutput
from .sampling import value_at


class Poses(NamedTuple):
    """A fixed number of poses for each image.

    =============== =============== ==================================================
    keypoints       [B x C x K x 2] (x, y) in pixels of the network input
    keypoint_scores [B x C x K]     probability that the joint is visible, or the pose's score
                                    where nothing predicts it
    scores          [B x C]         score of the pose
    valid           [B x C]         bool, False for slots without a center
    =============== =============== ==================================================
    """

    keypoints: Tensor
    keypoint_scores: Tensor
    scores: Tensor
    valid: Tensor


def refine_points(points: Tensor, maps: Tensor) -> Tensor:
    """Move points by a quarter pixel towards the higher neighbor, and to the middle of the pixel.

    Args:
        points: [B x C x K x 2] in input pixels.
        maps: merged heatmaps of the joints [B x K x H x W], not masked.

    Returns:
        [B x C x K x 2] in input pixels; with equal neighbors points move by -0.25.
    """
    x, y = points.long().transpose(1, 2).unbind(-1)  # [B x K x C]
    across = value_at(maps, x + 1, y) > value_at(maps, x - 1, y)
    down = value_at(maps, x, y + 1) > value_at(maps, x, y - 1)
    shift = torch.stack([across, down], dim=-1).to(points.dtype) * 0.5 - 0.25
    return points + shift.transpose(1, 2) + 0.5


def pose_scores(visibility: Tensor, person: Tensor, min_joints: int, visible_thr: float) -> Tensor:
    """Score of a pose: Eq. 14, and the best joints count too, as in the official implementation.

    Args:
        visibility: probabilities [B x C x K].
        person: probabilities [B x C].
        min_joints: this many of the best joints count even below ``visible_thr``; the paper has 0.
        visible_thr: joints above this count.

    Returns:
        [B x C]: for a likely person (above 0.5) the mean visibility of the joints that count,
        else the probability of being a person.
    """
    counted = visibility > visible_thr
    if min_joints > 0:
        best = visibility.topk(min(min_joints, visibility.shape[-1]), dim=-1).indices
        counted = counted.scatter(-1, best, torch.ones_like(best, dtype=torch.bool))
    weight = counted.to(visibility.dtype)
    mean = (visibility * weight).sum(-1) / weight.sum(-1).clamp(min=1)
    return torch.where(person > 0.5, mean, person)


def decode_poses(
    output: GroupingOutput,
    maps: Tensor,
    valid: Tensor,
    min_joints: int = 5,
    visible_thr: float = 0.5,
    by_visibility: bool = True,
) -> Poses:
    """Poses of all centers.

    Args:
        output: of the last grouping module, views already merged.
        maps: merged heatmaps of the joints [B x K x H x W], not masked.
        valid: [B x C] bool, centers that take part.
        min_joints, visible_thr: see :func:`pose_scores`.
        by_visibility: score poses by the visibility of their joints; else by the probability of
            being a person alone, which is then the score of the joints too (ablation, Table 2).
    """
    if by_visibility:
        visibility = output.visibility.sigmoid()
        scores = pose_scores(visibility, output.center.sigmoid(), min_joints, visible_thr)
    else:
        scores = output.center.sigmoid()
        visibility = scores[..., None].expand_as(output.visibility)
    return Poses(refine_points(output.hard_points, maps), visibility, scores * valid, valid)
