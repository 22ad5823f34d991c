"""The losses of the grouping modules (paper, Section 5.4; Eq. 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS, TASK_UTILS
from torch import Tensor, nn

from ..grouping import GroupingOutput, Proposals
from ..grouping.pose_similarity import AREA_OF_BOX
from .normalizer import mean_where


class PersonTargets(NamedTuple):
    """Annotated persons of one image, in input pixels.

    ========== ============= ==========================================================
    joints     [N x K+1 x 2] joints, then the center
    visible    [N x K+1]     bool, labeled and inside the crop
    box_sizes  [N x 2]       width and height of the box
    matchable  [N]           bool, persons with visible joints and keypoint annotations
    ========== ============= ==========================================================
    """

    joints: Tensor
    visible: Tensor
    box_sizes: Tensor
    matchable: Tensor

    @classmethod
    def read(cls, labels: Any) -> PersonTargets:
        """Read the labels of ``AttentionGroupingCodec`` from a sample's ``gt_instance_labels``."""
        return cls(
            joints=labels.joints,
            visible=labels.joints_visible.bool(),
            box_sizes=labels.box_sizes,
            matchable=labels.matchable.bool(),
        )


class CenterTargets(NamedTuple):
    """What the grouping should predict for every center slot.

    ======= ============= =============================================================
    matched [B x C]       bool, stands for an annotated person
    joints  [B x C x K x 2] where that person's joints are, input pixels
    visible [B x C x K]   bool
    areas   [B x C]       0.53 * width * height of that person's box
    ======= ============= =============================================================
    """

    matched: Tensor
    joints: Tensor
    visible: Tensor
    areas: Tensor


def focal_loss(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Binary focal loss without class weights (Lin et al. 2017), element by element."""
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
    return (1 - torch.exp(-cross_entropy)) ** gamma * cross_entropy


@MODELS.register_module()
class CenterGroupLoss(nn.Module):
    """Center, visibility and location losses, averaged over all grouping modules.

    Args:
        sigmas: the dataset's keypoint standard deviations, length K (COCO's OKS constants).
        assigner: config of the assigner of centers to persons.
        center_weight, visibility_weight, location_weight: factors of the three losses (official
            implementation: 1, 1, 0.02). 0 leaves the loss out, as is necessary for a grouping that
            does not predict it (paper, Table 2).
        gamma: of the focal losses (official implementation: 2).
        min_oks: a visible joint counts for the visibility loss only if its predicted location
            reaches this OKS (paper, footnote 4; official implementation: 0.5). With 0, all count.
    """

    def __init__(
        self,
        sigmas: Sequence[float],
        assigner: dict | None = None,
        center_weight: float = 1.0,
        visibility_weight: float = 1.0,
        location_weight: float = 0.02,
        gamma: float = 2.0,
        min_oks: float = 0.5,
    ) -> None:
        super().__init__()
        self.assigner = TASK_UTILS.build(assigner or dict(type='CenterHungarianAssigner'))
        self.register_buffer('sigmas', torch.tensor(sigmas), persistent=False)
        self.center_weight = center_weight
        self.visibility_weight = visibility_weight
        self.location_weight = location_weight
        self.gamma = gamma
        self.min_oks = min_oks

    @torch.no_grad()
    def targets(self, centers: Proposals, persons: Sequence[PersonTargets]) -> CenterTargets:
        """Match centers to people and gather the targets of each center.

        Args:
            centers: flattened proposals [B x C ...].
            persons: one for each image.
        """
        num_keypoints = len(self.sigmas)
        matched, joints, visible, areas = [], [], [], []
        for points, valid, person in zip(centers.points, centers.valid, persons, strict=True):
            index = person.matchable.nonzero()[:, 0]
            box_areas = AREA_OF_BOX * person.box_sizes.prod(-1)
            assigned = self.assigner.assign(
                points, valid, person.joints[index, num_keypoints], box_areas[index]
            )
            hit = assigned >= 0
            num_centers = len(points)
            at = points.new_zeros((num_centers, num_keypoints, 2), dtype=torch.float32)
            seen = torch.zeros((num_centers, num_keypoints), dtype=torch.bool, device=at.device)
            area = at.new_ones(num_centers)
            chosen = index[assigned[hit]]
            at[hit] = person.joints[chosen, :num_keypoints].float()
            seen[hit] = person.visible[chosen, :num_keypoints].bool()
            area[hit] = box_areas[chosen].float()
            matched.append(hit)
            joints.append(at)
            visible.append(seen)
            areas.append(area)
        return CenterTargets(*(torch.stack(part) for part in (matched, joints, visible, areas)))

    def oks(self, points: Tensor, targets: CenterTargets) -> Tensor:
        """Similarity of predicted and annotated joints, [... x B x C x K] in [0, 1]."""
        square = (points.float() - targets.joints).square().sum(-1)
        spread = 2 * targets.areas[..., None] * (2 * self.sigmas) ** 2
        return torch.exp(-square / spread.clamp(min=1e-6))

    def center_loss(self, center: Tensor, counted: Tensor, targets: CenterTargets) -> Tensor:
        """Focal loss of being a person, mean over modules and counted centers.

        Args:
            center: logits [L x B x C].
            counted: [B x C] bool.
            targets: of the same centers.
        """
        target = targets.matched.float().expand_as(center)
        return mean_where(focal_loss(center, target, self.gamma), counted)

    def visibility_loss(self, visibility: Tensor, points: Tensor, targets: CenterTargets) -> Tensor:
        """Focal loss of joints being visible, over the joints of matched centers.

        Args:
            visibility: logits [L x B x C x K].
            points: soft locations [L x B x C x K x 2], used to leave out joints that are
                visible but not found.
            targets: of the same centers.
        """
        lost = targets.visible & (self.oks(points.detach(), targets) < self.min_oks)
        counted = targets.matched[..., None] & ~lost
        target = targets.visible.float().expand_as(visibility)
        return mean_where(focal_loss(visibility, target, self.gamma), counted)

    def location_loss(self, points: Tensor, targets: CenterTargets) -> Tensor:
        """Eq. 10: L1 in input pixels, mean over modules, visible joints and x, y.

        Args:
            points: soft locations [L x B x C x K x 2].
            targets: of the same centers.
        """
        counted = (targets.matched[..., None] & targets.visible)[..., None]
        return mean_where((points.float() - targets.joints).abs(), counted)

    def forward(
        self,
        outputs: Sequence[GroupingOutput],
        centers: Proposals,
        persons: Sequence[PersonTargets],
        counted: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Weighted losses.

        Args:
            outputs: of the L grouping modules, [B x C ...] each.
            centers: flattened center proposals [B x C ...]; those that are not valid count for no
                loss.
            persons: annotated persons, one entry for each image.
            counted: [B x C] bool, centers that count for the center loss; default all valid ones
                (official implementation: those outside of ignored regions).

        Returns:
            ``loss_center``, ``loss_visibility``, ``loss_location``; the first two only with a
            weight above 0.
        """
        targets = self.targets(centers, persons)
        counted = centers.valid if counted is None else counted & centers.valid
        center = torch.stack([output.center for output in outputs])
        visibility = torch.stack([output.visibility for output in outputs])
        points = torch.stack([output.soft_points for output in outputs])
        losses = {}
        if self.center_weight:
            losses['loss_center'] = self.center_weight * self.center_loss(center, counted, targets)
        if self.visibility_weight:
            loss = self.visibility_loss(visibility, points, targets)
            losses['loss_visibility'] = self.visibility_weight * loss
        losses['loss_location'] = self.location_weight * self.location_loss(points, targets)
        return losses
