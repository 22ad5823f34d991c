"""The photograph model's grouping, and what its detector does without learning."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from centergroup_mm.engine.proposal_cache import View
from centergroup_mm.models.grouping import Poses
from centergroup_mm.models.grouping.point_grouping import PointGrouping
from centergroup_mm.models.losses.point_grouping_loss import PointGroupingLoss


class OurGrouping(nn.Module):
    """``PointGrouping``: geometry, own candidates, two rounds and a predicted quality.

    Args:
        sigmas: keypoint standard deviations, length K.
        in_channels: S, sampled channels.
        ranking: score poses by the predicted quality; else by the center's heatmap value times
            the mean visibility of the keypoints.
        num_peaks: use this many of the best peaks of each type.
        embedding, decoder: arguments of ``PointGrouping``.
    """

    #: pose c is that of center c
    with_centers = True

    def __init__(
        self,
        sigmas: list[float],
        in_channels: int,
        ranking: bool = True,
        num_peaks: int | None = None,
        embedding: dict | None = None,
        decoder: dict | None = None,
    ) -> None:
        super().__init__()
        self.grouping = PointGrouping(in_channels, len(sigmas), 64, embedding, decoder)
        self.loss_module = PointGroupingLoss(sigmas)
        self.ranking = ranking
        self.num_peaks = num_peaks

    @property
    def embedding(self) -> nn.Module:
        """Its constants are set from the training views."""
        return self.grouping.embedding

    def _cut(self, view: View) -> View:
        keypoints = type(view.keypoints)(*(x[:, :, : self.num_peaks] for x in view.keypoints))
        features = view.features._replace(keypoints=view.features.keypoints[:, :, : self.num_peaks])
        return view._replace(keypoints=keypoints, features=features)

    def losses(self, view: View, matched: Tensor) -> dict[str, Tensor]:
        """Losses of a batch; the matching is its own, see ``PointGroupingLoss``."""
        view = self._cut(view)
        poses = self.grouping(view.features, view.keypoints, view.centers)
        return self.loss_module(poses, view.keypoints, view.centers, view.persons)

    def predict(self, view: View) -> Poses:
        """Poses of a batch, in cells."""
        view = self._cut(view)
        poses = self.grouping(view.features, view.keypoints, view.centers)
        keypoint_scores = poses.visibility.sigmoid() * poses.similarity.sigmoid()
        scores = poses.quality.sigmoid()
        if not self.ranking:
            scores = view.centers.logits.sigmoid() * poses.visibility.sigmoid().mean(-1)
        valid = view.centers.valid
        return Poses(poses.points, keypoint_scores, scores * valid, valid)


class Regression(nn.Module):
    """One-shot: the keypoints that each center regresses, scored by its heatmap value.

    Args:
        snap: move each to the nearest detected keypoint of its type.
    """

    #: pose c is that of center c
    with_centers = True

    def __init__(self, sigmas: list[float], in_channels: int, snap: bool = False) -> None:
        super().__init__()
        self.snap = snap

    def predict(self, view: View) -> Poses:
        """Poses of a batch, in cells."""
        points, valid = view.centers.regressed, view.centers.valid
        scores = view.centers.logits.sigmoid() * valid
        if self.snap:
            square = (points[..., None, :] - view.keypoints.points[:, None]).square().sum(-1)
            square = square.masked_fill(~view.keypoints.valid[:, None], torch.inf)
            nearest, index = square.min(-1)  # [B x C x K]
            at = view.keypoints.points.transpose(1, 2)  # [B x R x K x 2]
            chosen = at.gather(1, index[..., None].expand(*index.shape, 2))
            points = torch.where(nearest.isfinite()[..., None], chosen, points)
        return Poses(points, scores[..., None].expand(points.shape[:-1]), scores, valid)
