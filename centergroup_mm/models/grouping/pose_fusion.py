"""Merging of the poses from several views of an image: mirrored, and at several scales."""

from __future__ import annotations

import torch
from torch import Tensor

from .pose_similarity import mutual_similarity


def fuse_poses(
    poses: Tensor,
    weights: Tensor,
    scores: Tensor,
    views: Tensor,
    num_views: int,
    sigmas: Tensor,
    threshold: float = 0.6,
) -> tuple[Tensor, Tensor, Tensor]:
    """Average the poses of one person over the views of an image.

    The best pose is merged with all poses that are similar to it, then the best of the rest, and so
    on. Keypoints are means, weighted by the squared product of the scores of pose and keypoint, so
    that uncertain views do not blur a keypoint that one view sees clearly. The score of the result
    is the mean over views of the best score in the view, with 0 for views without such a pose.

    Args:
        poses: of all views, mapped to one image [P x K x 2].
        weights: scores of the keypoints [P x K].
        scores: [P].
        views: number of the view of each pose [P] int64.
        num_views: V.
        sigmas: [K].
        threshold: OKS from which two poses are one person.

    Returns:
        poses [Q x K x 2], weights [Q x K] (means over the poses taken) and scores [Q],
        the best first.
    """
    alike = mutual_similarity(poses, sigmas) > threshold
    free = torch.ones_like(scores, dtype=torch.bool)
    fused, fused_weights, fused_scores = [], [], []
    for leader in scores.argsort(descending=True, stable=True).tolist():
        if not free[leader]:
            continue
        taken = alike[leader] & free
        taken[leader] = True
        free &= ~taken
        share = (scores[taken, None] * weights[taken]).square() + 1e-9  # [T x K]
        total = share.sum(0)
        fused.append((poses[taken] * share[..., None]).sum(0) / total[:, None])
        mass = scores[taken, None] + 1e-9
        fused_weights.append((weights[taken] * mass).sum(0) / mass.sum(0))
        best = scores.new_zeros(num_views)
        best = best.scatter_reduce(0, views[taken], scores[taken], 'amax')
        fused_scores.append(best.mean())
    if not fused:
        return poses, weights, scores
    order = torch.stack(fused_scores).argsort(descending=True, stable=True)
    return (
        torch.stack(fused)[order],
        torch.stack(fused_weights)[order],
        torch.stack(fused_scores)[order],
    )
