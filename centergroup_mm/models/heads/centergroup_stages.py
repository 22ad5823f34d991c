"""The stages of CenterGroup: detect, propose, group, and the losses behind the detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from ..grouping import (
    GroupingOutput,
    Proposals,
    merge_heatmap_levels,
    merge_mirrored,
    mirror_heatmaps,
    mirror_proposals,
    select_proposals,
)
from ..losses.centergroup_loss import PersonTargets


class Detection(NamedTuple):
    """What the detector sees in a batch, all views and scales merged.

    ======== ================= ===========================================================
    maps     [B x K+1 x H x W] merged heatmaps of joints and center at input resolution
    features [V B x C x h x w] backbone features at 1/4 for each scale, V = 2 with flip test
    ======== ================= ===========================================================
    """

    maps: Tensor
    features: list[Tensor]


class CenterGroupStages(BaseHead):
    """What ``CenterGroupHead`` consists of, stage by stage; it documents the arguments."""

    def __init__(
        self,
        detector: dict,
        neck: dict,
        grouping: dict,
        loss: dict,
        decoder: dict,
        num_slots: int = 30,
        joint_nms: int = 5,
        center_nms: int = 17,
        score_thr: float = 0.005,
        min_slots: int = 3,
        freeze_detector_bn: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.detector = MODELS.build(detector)
        if not self.detector.with_center:
            raise ValueError('CenterGroupHead needs a detector with with_center=True')
        self.neck = MODELS.build(neck)
        self.grouping = nn.ModuleList(
            MODELS.build(grouping) for _ in range(len(self.neck.layers) + 1)
        )
        self.loss_module = MODELS.build(loss)
        self.decoder = KEYPOINT_CODECS.build(decoder)
        self._check_predictions(self.grouping[-1])
        self.num_joints = self.detector.num_joints
        self.num_slots = num_slots
        self.joint_nms = joint_nms
        self.center_nms = center_nms
        self.score_thr = score_thr
        self.min_slots = min_slots
        self.freeze_detector_bn = freeze_detector_bn
        if freeze_detector_bn:
            for norm in self._detector_norms():
                norm.requires_grad_(False)

    def _check_predictions(self, grouping: nn.Module) -> None:
        """Refuse losses and scores of what the grouping does not predict."""
        has_visibility = grouping.visibility is not None
        if self.decoder.by_visibility and not has_visibility:
            raise ValueError(
                'grouping predicts no visibility (visibility=None): set by_visibility=False in '
                'the decoder'
            )
        for name, predicted, weight in (
            ('visibility', has_visibility, self.loss_module.visibility_weight),
            ('center', grouping.classify_centers, self.loss_module.center_weight),
        ):
            if weight and not predicted:
                raise ValueError(
                    f'grouping does not predict {name}: set {name}_weight=0 in the loss, not '
                    f'{weight}'
                )

    def _detector_norms(self) -> list[nn.Module]:
        return [m for m in self.detector.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]

    def train(self, mode: bool = True) -> CenterGroupStages:
        """As of any module, but frozen batch norms stay in evaluation mode."""
        super().train(mode)
        if self.freeze_detector_bn:
            for norm in self._detector_norms():
                norm.eval()
        return self

    def detect(
        self,
        features: Sequence[Tensor],
        flip_indices: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Detection:
        """Run the detector on backbone features and merge its maps.

        Args:
            features: [B x C x h x w] for each scale, the original first; with flip test
                [2B x C x h x w], all images and then all mirrored images.
            flip_indices: [K] mirror joint of every joint; flip test if given.
            size: (H, W) of the network input; default four times the first scale's features.
        """
        heatmaps = [self.detector.split(self.detector((feature,)))[0] for feature in features]
        return Detection(self.merge(heatmaps, flip_indices, size), list(features))

    def merge(
        self,
        heatmaps: Sequence[Sequence[Tensor]],
        flip_indices: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Merge levels, views and scales to one map of each type at input resolution.

        Args:
            heatmaps: for each scale the maps at 1/4 and 1/2, [V B x K+1 x h x w].
            flip_indices, size: as for :meth:`detect`.

        Returns:
            [B x K+1 x H x W], float32.
        """
        height, width = heatmaps[0][0].shape[-2:]
        size = size or (4 * height, 4 * width)
        merged = None
        for levels in heatmaps:
            maps = merge_heatmap_levels(levels)  # [V B x K+1 x H/2 x W/2]
            if flip_indices is not None:
                half = maps.shape[0] // 2
                there, back = maps[:half], maps[half:]
                maps = (there + mirror_heatmaps(back, self.with_center(flip_indices))) / 2
            if maps.shape[-2:] != size:
                maps = F.interpolate(maps, size=size, mode='bilinear', align_corners=False)
            merged = maps if merged is None else merged + maps
        return merged / len(heatmaps) if len(heatmaps) > 1 else merged

    def with_center(self, flip_indices: Tensor) -> Tensor:
        """Append the center, which is its own mirror: [K] -> [K+1]."""
        return torch.cat([flip_indices, flip_indices.new_tensor([self.num_joints])])

    def propose(
        self,
        maps: Tensor,
        padding_mask: Tensor,
        allowed: Tensor,
        flip_indices: Tensor | None = None,
    ) -> tuple[Proposals, Proposals]:
        """Choose keypoint and center proposals.

        Args:
            maps: merged heatmaps [B x K+1 x H x W].
            padding_mask: [B x H x W], 1 on the picture.
            allowed: [B x H x W] bool, False where proposals are masked.
            flip_indices: as for :meth:`detect`; those of the mirrored images are added if given.

        Returns:
            keypoints [V B x K x R ...] and centers [V B x 1 x R ...].
        """
        maps = maps.detach() * padding_mask[:, None]
        common = dict(
            num_slots=self.num_slots,
            score_thr=self.score_thr,
            min_slots=self.min_slots,
            allowed=allowed,
        )
        keypoints = select_proposals(maps[:, :-1], nms_size=self.joint_nms, **common)
        centers = select_proposals(maps[:, -1:], nms_size=self.center_nms, **common)
        if flip_indices is None:
            return keypoints, centers
        there = ((keypoints, flip_indices), (centers, torch.zeros_like(flip_indices[:1])))
        back = (mirror_proposals(group, types, maps.shape[-1]) for group, types in there)
        return tuple(
            Proposals(*map(torch.cat, zip(group, mirrored, strict=True)))
            for (group, _), mirrored in zip(there, back, strict=True)
        )

    def group(
        self,
        features: Sequence[Tensor],
        keypoints: Proposals,
        centers: Proposals,
        padding_mask: Tensor,
        size: tuple[int, int],
        last_only: bool = True,
    ) -> list[GroupingOutput]:
        """Embed proposals in context and attend from centers to keypoints.

        Args:
            features: backbone features for each scale [B x C x h x w]; B counts views here.
            keypoints, centers: result of :meth:`propose`.
            padding_mask: [B x H/4 x W/4], 1 on the picture.
            size: (H, W) of the network input.
            last_only: only the module behind the last encoder layer, which test uses.

        Returns:
            outputs of the grouping modules, first to last.
        """
        tokens = self.neck(features, keypoints, centers, padding_mask, size)
        points = keypoints.flatten().points
        split = points.shape[1]
        encoding, valid = tokens.encoding, tokens.valid[:, :split]
        pairs = list(zip(self.grouping, tokens.layers, strict=True))
        with torch.autocast(points.device.type, enabled=False):  # as the tokens
            return [
                module(
                    layer[:, split:],
                    layer[:, :split],
                    encoding[:, split:],
                    encoding[:, :split],
                    points,
                    valid,
                )
                for module, layer in (pairs[-1:] if last_only else pairs)
            ]

    def infer(
        self,
        detection: Detection,
        padding_masks: tuple[Tensor, Tensor],
        flip_indices: Tensor | None = None,
    ) -> tuple[GroupingOutput, Proposals]:
        """From maps and features to merged grouping outputs.

        Args:
            detection: result of :meth:`detect`.
            padding_masks: masks of the picture at 1/4 [B x H/4 x W/4] and full resolution
                [B x H x W], of the unmirrored input.
            flip_indices: as given to :meth:`detect`.

        Returns:
            output of the last grouping module, views merged, and the flattened centers.
        """
        quarter, full = padding_masks
        size = (detection.maps.shape[-2], detection.maps.shape[-1])
        keypoints, centers = self.propose(detection.maps, full, full > 0, flip_indices)
        if flip_indices is not None:
            quarter = torch.cat([quarter, quarter.flip(-1)])
        output = self.group(detection.features, keypoints, centers, quarter, size)[-1]
        if not self.grouping[-1].classify_centers:
            # The heatmap's word is the only one on being a person; both views share it.
            score = centers.flatten().scores.float().clamp(1e-6, 1 - 1e-6)
            output = output._replace(center=score.logit())
        if flip_indices is not None:
            output = merge_mirrored(output, flip_indices, size[1])
        return output, Proposals(*(field[: full.shape[0]] for field in centers.flatten()))

    def grouping_losses(
        self,
        maps: Tensor,
        feature: Tensor,
        padding_masks: tuple[Tensor, Tensor],
        allowed: Tensor,
        persons: Sequence[PersonTargets],
    ) -> dict[str, Tensor]:
        """Losses of everything behind the detector.

        Args:
            maps: merged heatmaps [B x K+1 x H x W]; no gradient flows into them.
            feature: backbone features [B x C x H/4 x W/4].
            padding_masks: [B x H/4 x W/4] and [B x H x W], 1 on the picture.
            allowed: [B x H x W] bool, False in padding and ignored regions.
            persons: annotations of each image.
        """
        keypoints, centers = self.propose(maps, padding_masks[1], allowed)
        size = (maps.shape[-2], maps.shape[-1])
        outputs = self.group([feature], keypoints, centers, padding_masks[0], size, last_only=False)
        return self.loss_module(outputs, centers.flatten(), persons)
