"""COCO's similarity of poses, and suppression of similar ones."""

from __future__ import annotations

import torch
from torch import Tensor


def pose_similarity(
    poses: Tensor, keypoints: Tensor, labeled: Tensor, areas: Tensor, sigmas: Tensor
) -> Tensor:
    """Object keypoint similarity (OKS) as COCO defines it.

    Args:
        poses: [... x P x K x 2].
        keypoints: of the persons or poses to compare with [... x N x K x 2].
        labeled: [... x N x K] bool, keypoints that count, or how much each counts from 0 to 1.
        areas: [... x N] in squares of the unit of the keypoints.
        sigmas: [K].

    Returns:
        [... x P x N] in [0, 1]; 0 for persons without a labeled keypoint.
    """
    x, y = poses[..., :, None, :, :].unbind(-1)
    at_x, at_y = keypoints[..., None, :, :, :].unbind(-1)
    spread = 2 * (2 * sigmas) ** 2 * areas[..., None].clamp(min=1e-6)  # [... x N x K]
    similarity = torch.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / spread[..., None, :, :])
    count = labeled.to(similarity.dtype)[..., None, :, :]
    return (similarity * count).sum(-1) / count.sum(-1).clamp(min=1)


#: COCO's area of a person as a share of its box (CrowdPose's toolkit and supplement B)
AREA_OF_BOX = 0.53


def pose_areas(poses: Tensor) -> Tensor:
    """Areas of persons estimated from the extent of their poses: [... x P x K x 2] -> [... x P]."""
    return (poses.amax(-2) - poses.amin(-2)).prod(-1).clamp(min=1.0) * AREA_OF_BOX


def mutual_similarity(poses: Tensor, sigmas: Tensor, weights: Tensor | None = None) -> Tensor:
    """OKS of all pairs of poses, the larger of both directions.

    Args:
        poses: [... x P x K x 2].
        sigmas: [K].
        weights: [... x P x K] from 0 to 1, how much each keypoint counts; default all 1.

    Returns:
        [... x P x P].
    """
    if weights is None:
        weights = torch.ones_like(poses[..., 0])
    one_way = pose_similarity(poses, poses, weights, pose_areas(poses), sigmas)
    return torch.maximum(one_way, one_way.transpose(-1, -2))


def suppress(
    poses: Tensor,
    scores: Tensor,
    sigmas: Tensor,
    threshold: float,
    weights: Tensor | None = None,
) -> Tensor:
    """Tell which poses are not similar to a better one.

    A pose is suppressed if it is similar to a pose with a higher score, even if that one is
    suppressed too. Of equal scores the first is kept.

    Args:
        poses: [B x P x K x 2].
        scores: [B x P].
        sigmas: [K].
        threshold: OKS from which two poses are one person.
        weights: [B x P x K] from 0 to 1, how much each keypoint counts; default all 1. With the
            scores of the keypoints, two poses of a portrait are one person although the legs, which
            the image does not show, are in different places.

    Returns:
        [B x P] bool.
    """
    alike = mutual_similarity(poses, sigmas, weights) > threshold
    order = torch.arange(scores.shape[-1], device=scores.device)
    theirs, own = scores[:, None, :], scores[:, :, None]
    better = (theirs > own) | ((theirs == own) & (order < order[:, None]))
    return ~(alike & better).any(-1)
