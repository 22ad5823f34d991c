"""Merging the poses that several views of an image give: mirrored, and at several scales."""

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

    The best pose takes all poses that resemble it, then the best of the rest does, and so on.
    Keypoints are means, weighted by the squared product of the scores of pose and keypoint, so
    that what one view sees clearly is not blurred by the others.  The score of the result is
    the mean over views of the best score in the view, 0 where none of its poses was taken: views
    that do not see a person count against it.

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
