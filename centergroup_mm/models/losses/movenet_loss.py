"""Losses of MoveNet's heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from ..grouping.one_shot import MoveNetMaps
from .normalizer import normalizer

#: average share of a box that the person covers, to estimate its area
BOX_FILL = 0.53


def penalty_reduced_focal_loss(
    logits: Tensor, targets: Tensor, weights: Tensor | float = 1.0
) -> Tensor:
    """CenterNet's focal loss (Zhou et al. 2019, Eq. 1; alpha 2, beta 4), summed.

    Cells where the target is 1 are positive. Around them, the loss of a high prediction is smaller
    the closer the target is to 1.

    Args:
        logits: heatmaps before the sigmoid.
        targets: Gaussians with a peak of exactly 1, of the same shape.
        weights: of the cells, of a shape that broadcasts.

    Returns:
        scalar.
    """
    positive = targets >= 1
    score = logits.sigmoid()
    at_positive = -(1 - score).square() * F.logsigmoid(logits)
    at_negative = -(1 - targets).pow(4) * score.square() * F.logsigmoid(-logits)
    return (torch.where(positive, at_positive, at_negative) * weights).sum()


@MODELS.register_module()
class MoveNetLoss(nn.Module):
    """Loss of all six maps.

    Heatmaps of joints and centers have CenterNet's focal loss. The other four maps are trained at
    two cells for each center or joint: the cell that contains it, and the cell of the highest
    prediction near it, which is the one that the decoder reads.

    Args:
        sigmas: [K] COCO's OKS constants of the joints, which scale the error of regressed joints.
        heatmap_weight: factor of the loss of the joints' heatmaps.
        center_weight: factor of the loss of the centers' heatmap.
        regress_weight: factor of the loss of regressed joints.
        offset_weight: factor of the L1 loss of offsets, in cells.
        box_weight: factor of the L1 losses of boxes: their size relative to the true size, the
            offset of their middle in cells.
        unlabeled_weight: weight of cells with a prediction above 0.1 although no label is near.
            Many people in COCO have no labeled joints, so most of these predictions are correct.
        peak_radius: the highest prediction is searched within this many cells of the true cell.
    """

    def __init__(
        self,
        sigmas: Sequence[float],
        heatmap_weight: float = 1.0,
        center_weight: float = 1.0,
        regress_weight: float = 0.5,
        offset_weight: float = 1.0,
        box_weight: float = 0.1,
        unlabeled_weight: float = 0.25,
        peak_radius: int = 2,
    ) -> None:
        super().__init__()
        self.register_buffer('sigmas', torch.tensor(sigmas), persistent=False)
        self.heatmap_weight = heatmap_weight
        self.center_weight = center_weight
        self.regress_weight = regress_weight
        self.offset_weight = offset_weight
        self.box_weight = box_weight
        self.unlabeled_weight = unlabeled_weight
        self.peak_radius = peak_radius

    def forward(
        self,
        maps: MoveNetMaps,
        heatmaps: Tensor,
        mask: Tensor,
        joints: Sequence[Tensor],
        visible: Sequence[Tensor],
        boxes: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """Weighted losses, in float32 whatever the autocast.

        Args:
            maps: of the head, for B images; ``box_offset`` may be None and has no loss then.
            heatmaps: targets [B x K+1 x h x w], the center last.
            mask: [B x h x w], above 0 where heatmaps count.
            joints: for each image [N x K x 2] (x, y) in cells.
            visible: for each image [N x K], above 0 if the joint counts.
            boxes: for each image [N x 4] (x1, y1, x2, y2) in cells, inside the map.

        Returns:
            ``loss_heatmap``, ``loss_center``, ``loss_regress``, ``loss_offset``, ``loss_box``.
        """
        maps = MoveNetMaps(*(None if part is None else part.float() for part in maps))
        image = torch.cat([torch.full((len(b),), i) for i, b in enumerate(boxes)]).to(mask.device)
        joints, visible, boxes = (torch.cat(list(v)).float() for v in (joints, visible, boxes))
        visible = (visible > 0).float()
        at_center = self.center_losses(maps, image, joints, visible, boxes)
        mask = mask.float()[:, None]
        # Distributed training needs gradients of every parameter even if no image has a person.
        nothing = sum(part.sum() * 0 for part in maps if part is not None)
        return dict(
            loss_heatmap=self.heatmap_weight
            * self.heatmap_loss(maps.kpt_heatmap, heatmaps[:, :-1], mask),
            loss_center=self.center_weight * self.heatmap_loss(maps.center, heatmaps[:, -1:], mask),
            loss_offset=self.offset_weight * self.offset_loss(maps, image, joints, visible)
            + nothing,
            **at_center,
        )

    def heatmap_loss(self, logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        """Focal loss for each positive cell.

        Args:
            logits, targets: [B x T x h x w].
            mask: [B x 1 x h x w].
        """
        unlabeled = (logits.detach().sigmoid() > 0.1) & (targets < 0.05)
        weights = torch.where(unlabeled, self.unlabeled_weight, 1.0) * mask
        total = penalty_reduced_focal_loss(logits, targets, weights)
        return total / normalizer((targets >= 1).sum())

    def center_losses(
        self, maps: MoveNetMaps, image: Tensor, joints: Tensor, visible: Tensor, boxes: Tensor
    ) -> dict[str, Tensor]:
        """Losses of the maps that are read at centers.

        Args:
            maps: see :meth:`forward`.
            image: [N] image of each person.
            joints: [N x K x 2] in cells.
            visible: [N x K].
            boxes: [N x 4] in cells.

        Returns:
            ``loss_regress`` and ``loss_box``.
        """
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        size = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1)
        scale = (BOX_FILL * size.prod(-1)).sqrt()[:, None]  # [N x 1]
        forgiven = 2 * self.sigmas * scale + 0.3  # [N x K], a third of a cell at least
        number = normalizer(visible.sum())
        persons = normalizer(visible.new_tensor(float(len(boxes))))
        regress = box = 0.0
        for cells in self.cells_to_learn(maps.center, image, image * 0, middle):
            told = _values_at(maps.kpt_regress, image, cells).unflatten(-1, (-1, 2)).flip(-1)
            error = (told + cells[:, None] - joints).norm(dim=-1) / forgiven
            error = F.smooth_l1_loss(error, torch.zeros_like(error), reduction='none')
            regress = regress + (error * visible).sum() / number
            told = _values_at(maps.box_scale, image, cells).flip(-1)
            box = box + ((told - size).abs() / scale).sum() / persons
            if maps.box_offset is None:
                continue
            told = _values_at(maps.box_offset, image, cells).flip(-1)
            box = box + (told + cells - middle).abs().sum() / persons
        return dict(
            loss_regress=self.regress_weight * regress / 2, loss_box=self.box_weight * box / 2
        )

    def offset_loss(
        self, maps: MoveNetMaps, image: Tensor, joints: Tensor, visible: Tensor
    ) -> Tensor:
        """Loss of the place of joints within their cell; arguments as of `center_losses`."""
        person, kind = visible.nonzero(as_tuple=True)
        image, joints = image[person], joints[person, kind]  # [V], [V x 2]
        offsets = maps.kpt_offset.unflatten(1, (-1, 2))  # [B x K x 2 x h x w]
        total = 0.0
        for cells in self.cells_to_learn(maps.kpt_heatmap, image, kind, joints):
            x, y = cells.unbind(-1)
            told = offsets[image, kind, :, y, x].flip(-1)
            total = total + F.smooth_l1_loss(told + cells, joints, reduction='sum', beta=0.3)
        return total / 2 / normalizer(visible.new_tensor(float(len(joints))))

    @torch.no_grad()
    def cells_to_learn(
        self, heatmaps: Tensor, image: Tensor, kind: Tensor, points: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The cell of each point, and the cell with the highest prediction around it.

        Args:
            heatmaps: [B x T x h x w].
            image, kind: [N] which heatmap a point belongs to.
            points: [N x 2] (x, y) in cells.

        Returns:
            both [N x 2] (x, y), int64.
        """
        limit = torch.tensor(heatmaps.shape[:-3:-1], device=heatmaps.device) - 1  # (w, h)
        cells = torch.minimum(points.floor().long().clamp(min=0), limit)
        step = torch.arange(-self.peak_radius, self.peak_radius + 1, device=points.device)
        window = torch.stack(torch.meshgrid(step, step, indexing='xy'), -1).flatten(0, 1)
        around = torch.minimum((cells[:, None] + window).clamp(min=0), limit)  # [N x W x 2]
        values = heatmaps[image[:, None], kind[:, None], around[..., 1], around[..., 0]]
        best = values.argmax(-1) if len(points) else image
        return cells, around[torch.arange(len(points)), best]


def _values_at(maps: Tensor, image: Tensor, cells: Tensor) -> Tensor:
    """Channels at cells: [B x C x h x w], [N] and [N x 2] (x, y) -> [N x C]."""
    return maps[image, :, cells[:, 1], cells[:, 0]]
