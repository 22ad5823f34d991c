"""CenterGroup as the paper has it, on the proposals of a detector with offsets."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from centergroup_mm.engine.proposal_cache import View
from centergroup_mm.models.grouping import GroupingOutput, Poses
from centergroup_mm.models.grouping.attention import AttentionGrouping
from centergroup_mm.models.grouping.decode import pose_scores
from centergroup_mm.models.grouping.geometry import ExpectedPose
from centergroup_mm.models.grouping.point_tokens import PointEmbedding
from centergroup_mm.models.losses.centergroup_loss import CenterGroupLoss, CenterTargets

#: pixels of a cell: the paper's losses count in pixels
STRIDE = 4


class PaperGrouping(nn.Module):
    """Embedding, encoder and attention over keypoints of all types; Section 5 of the paper.

    Args:
        sigmas: keypoint standard deviations, length K.
        in_channels: S, sampled channels.
        transformer: use the encoder.
        type_encoding, position_encoding: what queries and keys know beside the embeddings.
        soft: place keypoints at the mean that attention weighs, not at the best candidate.
        heatmap_score: poses get the value of their center's heatmap as score (Table 2, row 1).
        matching: 'hungarian' or 'greedy', of centers and persons in training.
        attention: further arguments of ``AttentionGrouping``.
    """

    #: pose c is that of center c
    with_centers = True

    def __init__(
        self,
        sigmas: list[float],
        in_channels: int,
        transformer: bool = True,
        type_encoding: bool = True,
        position_encoding: bool = True,
        soft: bool = False,
        heatmap_score: bool = False,
        matching: str = 'hungarian',
        **attention: object,
    ) -> None:
        super().__init__()
        num_keypoints = len(sigmas)
        self.embedding = PointEmbedding(
            in_channels, num_keypoints, num_layers=2 if transformer else 0
        )
        for used, layer in (
            (type_encoding, self.embedding.types),
            (position_encoding, self.embedding.position),
        ):
            if not used:
                for parameter in layer.parameters():
                    nn.init.zeros_(parameter).requires_grad_(False)
        self.grouping = AttentionGrouping(
            num_keypoints, 64, 32, 64, geometry=attention.pop('geometry', False), **attention
        )
        self.loss_module = CenterGroupLoss(sigmas)
        self.soft = soft
        self.heatmap_score = heatmap_score
        self.matching = matching

    def forward(self, view: View) -> GroupingOutput:
        """What the attention says of a batch; places in pixels."""
        keypoints, centers = view.keypoints, view.centers
        at_regressed = view.features.regressed[..., -self.grouping.num_keypoints - 1 : -1]
        own_logits = at_regressed.diagonal(dim1=-2, dim2=-1)
        features = self.embedding.standardize(view.features)
        tokens = self.embedding(features, keypoints, centers, own_logits)
        valid = keypoints.valid.flatten(1)
        valid = valid | (torch.arange(valid.shape[1], device=valid.device) == 0)
        expected = ExpectedPose(centers.regressed * STRIDE, centers.scales * STRIDE)
        return self.grouping(
            tokens.centers,
            tokens.keypoints.flatten(1, 2),
            tokens.center_encoding,
            tokens.keypoint_encoding.flatten(1, 2),
            keypoints.points.flatten(1, 2) * STRIDE,
            valid,
            expected,
        )

    def losses(self, view: View, matched: Tensor) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            view: the batch.
            matched: [B x C] person of each center, -1 for none.
        """
        output, persons = self(view), view.persons
        index = matched.clamp(min=0)
        hit = matched >= 0
        shape = (*index.shape, *persons.keypoints.shape[2:])
        joints = persons.keypoints.gather(1, index[..., None, None].expand(shape))
        visible = persons.labeled.gather(1, index[..., None].expand(shape[:-1]))
        areas = persons.areas.gather(1, index)
        targets = CenterTargets(
            hit, joints * STRIDE, visible & hit[..., None], areas.clamp(min=1) * STRIDE**2
        )
        loss, soft = self.loss_module, output.soft_points[None]
        losses = {'location': loss.location_weight * loss.location_loss(soft, targets)}
        if self.grouping.classify_centers:
            losses['center'] = loss.center_loss(output.center[None], view.centers.valid, targets)
        if self.grouping.visibility is not None:
            losses['visibility'] = loss.visibility_loss(output.visibility[None], soft, targets)
        return losses

    def predict(self, view: View) -> Poses:
        """Poses of a batch, in cells."""
        output = self(view)
        points = (output.soft_points if self.soft else output.hard_points) / STRIDE
        if self.heatmap_score or not self.grouping.classify_centers:
            scores = view.centers.logits.sigmoid()
        else:
            scores = output.center.sigmoid()
        visibility = scores[..., None].expand_as(output.visibility)
        if self.grouping.visibility is not None:
            visibility = output.visibility.sigmoid()
            scores = pose_scores(visibility, scores, 5, 0.5)
        return Poses(points, visibility, scores * view.centers.valid, view.centers.valid)
