"""Losses of ``PointGrouping``: attention, refinement, visibility and the quality of poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ..grouping.candidate_attention import Candidates
from ..grouping.point_proposals import CenterPeaks, KeypointPeaks
from ..grouping.pose_decoder import PoseEstimate
from ..grouping.pose_similarity import AREA_OF_BOX, pose_similarity
from .normalizer import mean_where


class Persons(NamedTuple):
    """Annotated persons of a batch, padded to N.

    ========= =============== ======================================================
    keypoints [B x N x K x 2] (x, y) in cells
    labeled   [B x N x K]     bool
    areas     [B x N]         in square cells, as COCO's OKS uses it
    ========= =============== ======================================================

    Slots without a labeled keypoint are no person.
    """

    keypoints: Tensor
    labeled: Tensor
    areas: Tensor


class Assignment(NamedTuple):
    """The person that is the target of each center.

    ========= =============== ======================================================
    positive  [B x C]         bool, the center is near enough to a person
    keypoints [B x C x K x 2] of that person
    labeled   [B x C x K]     bool, False for centers that are not positive
    areas     [B x C]
    ========= =============== ======================================================
    """

    positive: Tensor
    keypoints: Tensor
    labeled: Tensor
    areas: Tensor


class PointGroupingLoss(nn.Module):
    """Losses of grouping, refinement, visibility and ranking against annotated poses.

    *Grouping* is trained for every center whose regressed pose is similar to a person (OKS above
    ``min_oks``), also for several centers of one person. The loss is ``-log sum_m p_m q_m`` with
    the attention p and the similarity q of candidate m to the labeled keypoint, divided by the
    highest q, so that every candidate close to the keypoint is correct. The expected places of a
    center's keypoints have a loss too.

    *Quality* is trained for all centers. Its target for one center of each person, the owner, is
    how well its pose fits, and 0 for all others, so that poses need little suppression. The owner
    is the center with the highest product of fit and predicted quality: as in DETR's matching, the
    choice depends on the prediction, while the paper matches by distance alone. The fit is 0 up to
    OKS 0.45 and 1 from 0.95: proportional to the number of OKS thresholds of average precision that
    the pose passes.

    Args:
        sigmas: the dataset's keypoint standard deviations, length K (COCO's OKS constants).
        min_oks: smallest OKS of regressed pose and person for which grouping is trained.
        attention_weight, expectation_weight, shift_weight, visibility_weight, similarity_weight,
            quality_weight: factors of the losses.
    """

    def __init__(
        self,
        sigmas: Sequence[float],
        min_oks: float = 0.15,
        attention_weight: float = 1.0,
        expectation_weight: float = 1.0,
        shift_weight: float = 0.3,
        visibility_weight: float = 0.3,
        similarity_weight: float = 0.5,
        quality_weight: float = 2.0,
    ) -> None:
        super().__init__()
        self.register_buffer('sigmas', torch.tensor(sigmas), persistent=False)
        self.min_oks = min_oks
        self.attention_weight = attention_weight
        self.expectation_weight = expectation_weight
        self.shift_weight = shift_weight
        self.visibility_weight = visibility_weight
        self.similarity_weight = similarity_weight
        self.quality_weight = quality_weight

    @torch.no_grad()
    def assign(self, centers: CenterPeaks, persons: Persons) -> Assignment:
        """Assign to every center the person with the highest OKS to its regressed pose."""
        fit, index = pose_similarity(centers.regressed, *persons, self.sigmas).max(-1)
        positive = (fit > self.min_oks) & centers.valid
        keypoints, labeled, areas = (_take(values, index) for values in persons)
        return Assignment(positive, keypoints, labeled & positive[..., None], areas)

    def attention_loss(
        self, candidates: Candidates, keypoints: KeypointPeaks, target: Assignment
    ) -> Tensor:
        """Loss of the attention, over labeled keypoints with a candidate nearby.

        Args:
            candidates: of one round.
            keypoints: the peaks that are candidates.
            target: of the same centers.
        """
        spread = 2 * (2 * self.sigmas) ** 2 * target.areas[..., None]  # [B x C x K]
        at_x, at_y = target.keypoints[..., None, :].unbind(-1)
        x, y = keypoints.points[:, None].unbind(-1)  # [B x 1 x K x R]
        own_x, own_y = candidates.own.detach()[..., None, :].unbind(-1)
        square = torch.cat(
            [(x - at_x) ** 2 + (y - at_y) ** 2, (own_x - at_x) ** 2 + (own_y - at_y) ** 2], -1
        )
        similarity = torch.exp(-square / spread[..., None])  # [B x C x K x R+1]
        best = similarity.amax(-1)
        found = torch.logsumexp(candidates.logits.log_softmax(-1) + (similarity + 1e-6).log(), -1)
        return mean_where((best + 1e-6).log() - found, target.labeled & (best > 0.1))

    def shift_loss(self, points: Tensor, chosen: Tensor, target: Assignment) -> Tensor:
        """Distance to the annotation in units of OKS, over choices that are not too far off.

        Args:
            points: refined keypoints [B x C x K x 2].
            chosen: those before the shift.
            target: of the same centers.
        """
        unit = (2 * self.sigmas * target.areas[..., None].sqrt())[..., None]
        near = (chosen - target.keypoints).square().sum(-1) < (4 * unit[..., 0]) ** 2
        error = F.smooth_l1_loss(
            points / unit, target.keypoints / unit, reduction='none', beta=0.5
        ).sum(-1)
        return mean_where(error, target.labeled & near)

    def expectation_loss(self, expected: Tensor, target: Assignment) -> Tensor:
        """Distance of expected keypoints from the annotation in shares of the person's size.

        Args:
            expected: [B x C x K x 2].
            target: of the same centers.
        """
        size = target.areas.sqrt()[..., None, None]
        error = F.smooth_l1_loss(
            expected / size, target.keypoints / size, reduction='none', beta=0.1
        ).sum(-1)
        return mean_where(error, target.labeled)

    @torch.no_grad()
    def quality_target(
        self, points: Tensor, quality: Tensor, valid: Tensor, persons: Persons
    ) -> Tensor:
        """Target of the quality of each center [B x C]; see the class."""
        fit, index = pose_similarity(points, *persons, self.sigmas).max(-1)
        claim = fit * (0.1 + quality.sigmoid()) * valid
        same = index[:, :, None] == index[:, None]
        owner = claim >= (claim[:, None] * same).amax(-1) - 1e-9
        return ((fit - 0.45) / 0.5).clamp(0, 1) * owner

    def forward(
        self,
        poses: PoseEstimate,
        keypoints: KeypointPeaks,
        centers: CenterPeaks,
        persons: Persons,
    ) -> dict[str, Tensor]:
        """Weighted losses.

        Args:
            poses: of ``PointGrouping`` for these proposals.
            keypoints, centers: the proposals.
            persons: the annotations.

        Returns:
            ``loss_attention`` and ``loss_expectation`` (means over the rounds), ``loss_shift``,
            ``loss_visibility``, ``loss_similarity`` and ``loss_quality``.
        """
        target = self.assign(centers, persons)
        bce = F.binary_cross_entropy_with_logits
        spread = 2 * (2 * self.sigmas) ** 2 * target.areas[..., None]
        square = (poses.points.detach() - target.keypoints).square().sum(-1)
        visibility = bce(poses.visibility, target.labeled.float(), reduction='none')
        similarity = bce(poses.similarity, torch.exp(-square / spread), reduction='none')
        wanted = self.quality_target(poses.points, poses.quality, centers.valid, persons)
        quality = bce(poses.quality, wanted, reduction='none')
        rounds = poses.rounds
        attention = [self.attention_loss(choice, keypoints, target) for choice in rounds]
        expectation = [self.expectation_loss(choice.own, target) for choice in rounds]
        return dict(
            loss_attention=self.attention_weight * sum(attention) / len(rounds),
            loss_expectation=self.expectation_weight * sum(expectation) / len(rounds),
            loss_shift=self.shift_weight * self.shift_loss(poses.points, rounds[-1].points, target),
            loss_visibility=self.visibility_weight
            * mean_where(visibility, target.positive[..., None]),
            loss_similarity=self.similarity_weight * mean_where(similarity, target.labeled),
            loss_quality=self.quality_weight * mean_where(quality, centers.valid),
        )


def _take(values: Tensor, index: Tensor) -> Tensor:
    """Entries of persons for centers: [B x N ...] and [B x C] -> [B x C ...]."""
    shape = index.shape + (1,) * (values.dim() - 2)
    return values.gather(1, index.view(shape).expand(*index.shape, *values.shape[2:]))


def pad_persons(labels: Sequence[InstanceData], num_keypoints: int, stride: int) -> Persons:
    """Annotations of a batch in cells, padded to the image with most persons.

    Args:
        labels: of each image, with ``joints`` [N x K x 2], ``joints_visible`` [N x K] and
            ``boxes`` [N x 4] (x1, y1, x2, y2) in input pixels.
        num_keypoints: K.
        stride: input pixels for each cell.
    """
    most = max([1, *(len(label.joints) for label in labels)])
    device = labels[0].joints.device
    keypoints = torch.zeros(len(labels), most, num_keypoints, 2, device=device)
    labeled = torch.zeros(len(labels), most, num_keypoints, dtype=torch.bool, device=device)
    areas = torch.ones(len(labels), most, device=device)
    for i, label in enumerate(labels):
        number = len(label.joints)
        keypoints[i, :number] = label.joints.float() / stride
        labeled[i, :number] = label.joints_visible > 0
        sizes = (label.boxes[:, 2:] - label.boxes[:, :2]).float() / stride
        areas[i, :number] = AREA_OF_BOX * sizes.prod(-1)
    return Persons(keypoints, labeled, areas)
