"""The CenterGroup head: detector, embeddings, grouping, loss and decoding in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from ..grouping import (
    GroupingOutput,
    Poses,
    Proposals,
    merge_heatmap_levels,
    merge_mirrored,
    mirror_heatmaps,
    mirror_proposals,
    select_proposals,
)
from ..losses.centergroup_loss import PersonTargets
from .content import content_mask


class Detection(NamedTuple):
    """What the detector sees in a batch, all views and scales merged.

    ======== ================= ===========================================================
    maps     [B x K+1 x H x W] merged heatmaps of joints and center at input resolution
    features [V B x C x h x w] backbone features at 1/4 for each scale, V = 2 with flip test
    ======== ================= ===========================================================
    """

    maps: Tensor
    features: list[Tensor]


@MODELS.register_module()
class CenterGroupHead(BaseHead):
    """Detect joints and centers, embed them in context and let centers choose their joints.

    Detecting (:meth:`detect`), choosing proposals (:meth:`propose`) and grouping them
    (:meth:`group`) are public and the same for :meth:`loss`, :meth:`predict` and
    :meth:`forward`.

    Args:
        detector: config of the heatmap head, a ``CenterHigherHRNetHead`` with centers.
        neck: config of the ``CenterGroupNeck``.
        grouping: config of the ``AttentionGrouping``; one module before the encoder and one
            after each of its layers are trained, and only the last is used at test.
        loss: config of the ``CenterGroupLoss``.
        decoder: config of the ``AttentionGroupingCodec``.
        num_slots: proposals of each type (program and supplement C.2: 30).
        joint_nms, center_nms: windows of the non-maximum suppression in input pixels.
        score_thr, min_slots: which proposals take part, see ``select_proposals``.
        freeze_detector_bn: keep statistics and affine part of the detector's batch norms
            (stage 2 starts from a trained detector).  The backbone's own are frozen by its
            ``norm_eval`` and ``norm_cfg``.
        init_cfg: see mmengine.
    """

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

    def _detector_norms(self) -> list[nn.Module]:
        return [m for m in self.detector.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]

    def train(self, mode: bool = True) -> CenterGroupHead:
        """As of any module, but frozen batch norms stay in evaluation mode."""
        super().train(mode)
        if self.freeze_detector_bn:
            for norm in self._detector_norms():
                norm.eval()
        return self

    # ---- the stages -----------------------------------------------------------------------

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
                there, back = maps.chunk(2)
                maps = (there + mirror_heatmaps(back, self.with_center(flip_indices))) / 2
            if maps.shape[-2:] != size:
                maps = F.interpolate(maps, size=size, mode='bilinear', align_corners=False)
            merged = maps if merged is None else merged + maps
        return merged / len(heatmaps) if len(heatmaps) > 1 else merged

    def with_center(self, flip_indices: Tensor) -> Tensor:
        """Append the center, which is its own mirror: [K] -> [K+1]."""
        return torch.cat([flip_indices, flip_indices.new_tensor([self.num_joints])])

    def propose(
        self, maps: Tensor, padding_mask: Tensor, allowed: Tensor
    ) -> tuple[Proposals, Proposals]:
        """Choose keypoint and center proposals.

        Args:
            maps: merged heatmaps [B x K+1 x H x W].
            padding_mask: [B x H x W], 1 on the picture.
            allowed: [B x H x W] bool, False where proposals are masked.

        Returns:
            keypoints [B x K x R ...] and centers [B x 1 x R ...].
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
        return keypoints, centers

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
        keypoints, centers = self.propose(detection.maps, full, full > 0)
        flat_centers = centers.flatten()
        if flip_indices is not None:
            mirrored = mirror_proposals(keypoints, flip_indices, size[1])
            keypoints = Proposals(*map(torch.cat, zip(keypoints, mirrored, strict=True)))
            mirrored = mirror_proposals(centers, torch.zeros_like(flip_indices[:1]), size[1])
            centers = Proposals(*map(torch.cat, zip(centers, mirrored, strict=True)))
            quarter = torch.cat([quarter, quarter.flip(-1)])
        output = self.group(detection.features, keypoints, centers, quarter, size)[-1]
        if flip_indices is not None:
            output = merge_mirrored(output, flip_indices, size[1])
        return output, flat_centers

    # ---- MMPose's interface ---------------------------------------------------------------

    def forward(self, feats: Sequence[Tensor]) -> Poses:
        """Poses from backbone features of images that fill their canvas, without flip test.

        Args:
            feats: the backbone's output, its last entry [B x C x h x w] at 1/4.
        """
        detection = self.detect([feats[-1]])
        maps = detection.maps
        full = maps.new_ones((maps.shape[0], *maps.shape[-2:]))
        output, centers = self.infer(detection, (full[:, ::4, ::4], full))
        return self.decoder.batch_decode(output, maps[:, :-1], centers.valid)

    def predict(
        self, feats: Sequence, batch_data_samples: Sequence, test_cfg: dict | None = None
    ) -> list[InstanceData]:
        """Poses of a batch in pixels of the network input.

        Args:
            feats: the backbone's output; ``[original, mirrored]`` outputs with ``flip_test``;
                a list of such entries for each scale with ``multiscale_test``.
            batch_data_samples: their metas say where the picture is in the input.
            test_cfg: ``flip_test``, ``multiscale_test`` and ``score_thr`` (poses below are
                dropped; default 0, keep all).

        Returns:
            for each image InstanceData of P poses with numpy ``keypoints`` [P x K x 2],
            ``keypoint_scores`` [P x K] (visibility), ``bbox_scores`` [P] (pose score) and
            ``bboxes`` [P x 4] (x1, y1, x2, y2 of the joints).

        Raises:
            ValueError: the heatmaps of an image are not finite.
        """
        test_cfg = test_cfg or {}
        scales = feats if test_cfg.get('multiscale_test', False) else [feats]
        flip_indices = None
        if test_cfg.get('flip_test', False):
            features = [torch.cat([view[-1] for view in views]) for views in scales]
            flip_indices = torch.as_tensor(
                batch_data_samples[0].metainfo['flip_indices'], device=features[0].device
            )
        else:
            features = [views[-1] for views in scales]
        detection = self.detect(features, flip_indices)
        maps = detection.maps
        metas = [sample.metainfo for sample in batch_data_samples]
        for image, meta in zip(maps, metas, strict=True):
            if not torch.isfinite(image).all():
                raise ValueError(
                    f'the heatmaps of {meta.get("img_path", "an image")} are not finite: '
                    'the checkpoint or the image holds NaN or infinite values'
                )
        size = (maps.shape[-2], maps.shape[-1])
        masks = tuple(content_mask(metas, size, stride, maps.device) for stride in (4, 1))
        output, centers = self.infer(detection, masks, flip_indices)
        poses = self.decoder.batch_decode(output, maps[:, :-1], centers.valid)
        return self.decoder.to_instances(poses, float(test_cfg.get('score_thr', 0.0)))

    def loss(
        self, feats: Sequence[Tensor], batch_data_samples: Sequence, train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """Heatmap loss of the detector and the losses of all grouping modules.

        Args:
            feats: the backbone's output, its last entry [B x C x h x w] at 1/4.
            batch_data_samples: with the labels and masks of ``AttentionGroupingCodec``.
            train_cfg: not used, hyper-parameters are constructor arguments.

        Returns:
            ``loss_heatmap``, ``loss_center``, ``loss_visibility``, ``loss_location``.
        """
        feature = feats[-1]
        heatmaps, _ = self.detector.split(self.detector((feature,)))
        losses = dict(self.detector.heatmap_losses(heatmaps, batch_data_samples))
        masks = [sample.gt_fields.padding_mask for sample in batch_data_samples]
        quarter, full = (torch.stack([m[level] for m in masks]).float() for level in (0, -1))
        labelled = torch.stack([s.gt_fields.heatmap_mask[-1] for s in batch_data_samples]).float()
        labelled = F.interpolate(labelled[:, None], size=full.shape[-2:], mode='nearest')[:, 0]
        persons = [
            PersonTargets(
                joints=labels.joints,
                visible=labels.joints_visible.bool(),
                box_sizes=labels.box_sizes,
                matchable=labels.matchable.bool(),
            )
            for labels in (sample.gt_instance_labels for sample in batch_data_samples)
        ]
        maps = self.merge([heatmaps])
        losses.update(
            self.grouping_losses(maps, feature, (quarter, full), labelled * full > 0, persons)
        )
        return losses

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
