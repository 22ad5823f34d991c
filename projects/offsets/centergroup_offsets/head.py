"""The head of the baseline: CenterGroup's detector and a branch of offsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.rnn import pad_sequence

from centergroup_mm.models.grouping import (
    Poses,
    merge_heatmap_levels,
    mirror_heatmaps,
    refine_points,
    select_proposals,
)
from centergroup_mm.models.heads.views import check_finite, read_views
from centergroup_mm.utils.skeleton import fill_detector
from centergroup_mm.utils.valid_mask import valid_mask

from .offsets import mirror_offsets, read_offsets


class OffsetsDetection(NamedTuple):
    """What the network sees in a batch, views merged, float32.

    ======= ===================== =====================================================
    maps    [B x K+1 x H x W]     heatmaps of joints and center at input resolution
    offsets [B x K x 2 x h x w]   from a center in the cell to every joint, input pixels
    ======= ===================== =====================================================
    """

    maps: Tensor
    offsets: Tensor


@MODELS.register_module()
class OffsetsHead(BaseHead):
    """Regress every joint from its center, and move it to the closest detected keypoint.

    Joints and centers are detected as heatmap peaks, and a joint moves to a keypoint of its own
    type ("Objects as Points"; Section 6.2 and Table 1 of the CenterGroup paper, "Offsets +
    keypoint match.").

    The detector is CenterGroup's own, so the two differ in the grouping alone.  The branch is
    CenterNet's: a 3x3 convolution, ReLU and a 1x1 convolution on the backbone's features.  It
    has ``(9 C + 1) D + 2 K (D + 1)`` parameters for C = ``in_channels`` and D = ``channels``,
    which is all this model has more than its detector: 82,722 for W32 and COCO.

    Detecting (:meth:`detect`) and forming poses (:meth:`group`) are public and the same for
    :meth:`predict` and :meth:`forward`.

    Axis letters: B images, V views (2 with flip test), K joints, C centers.

    Args:
        detector: config of the heatmap head, a ``CenterHigherHRNetHead`` with centers.
        in_channels: channels of the backbone's features at 1/4.
        loss: config of the ``OffsetsLoss``.
        decoder: config of the ``OffsetsCodec``.
        metainfo: the skeleton, see ``centergroup_mm.utils.skeleton.read_metainfo``; gives the
            detector's ``num_keypoints`` where its config does not say it.
        channels: width of the branch (CenterNet: 256).
        offset_unit: input pixels that 1 in the raw maps stands for; the default is CenterNet's,
            a cell at 1/4.
        num_slots: proposals of each type (official implementation and supplement C.2: 30).
        joint_nms, center_nms: windows of the non-maximum suppression in input pixels.
        center_thr: centers below give no pose (CenterGroup's threshold of proposals).
        keypoint_thr: keypoints below are not matched ("Objects as Points": 0.1).
        freeze_detector_bn: keep statistics and affine part of the detector's batch norms, as
            CenterGroup does when it starts from a trained detector.
        init_cfg: see mmengine.

    Raises:
        ValueError: the detector has no centers.
    """

    def __init__(
        self,
        detector: dict,
        in_channels: int,
        loss: dict,
        decoder: dict,
        metainfo: str | dict | None = None,
        channels: int = 256,
        offset_unit: float = 4.0,
        num_slots: int = 30,
        joint_nms: int = 5,
        center_nms: int = 17,
        center_thr: float = 0.005,
        keypoint_thr: float = 0.1,
        freeze_detector_bn: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.detector = MODELS.build(fill_detector(detector, metainfo))
        if not self.detector.with_center:
            raise ValueError('OffsetsHead needs a detector with with_center=True')
        self.num_keypoints = self.detector.num_keypoints
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, 2 * self.num_keypoints, 1),
        )
        # At first all joints are at the center.
        nn.init.normal_(self.branch[-1].weight, std=0.001)
        nn.init.zeros_(self.branch[-1].bias)
        self.loss_module = MODELS.build(loss)
        self.decoder = KEYPOINT_CODECS.build(decoder)
        self.offset_unit = offset_unit
        self.num_slots = num_slots
        self.joint_nms = joint_nms
        self.center_nms = center_nms
        self.center_thr = center_thr
        self.keypoint_thr = keypoint_thr
        self.frozen = []
        if freeze_detector_bn:
            self.frozen = [m for m in self.detector.modules() if isinstance(m, _NormBase)]
        for norm in self.frozen:
            norm.requires_grad_(False)

    def train(self, mode: bool = True) -> OffsetsHead:
        """As of any module, but frozen batch norms stay in evaluation mode."""
        super().train(mode)
        for norm in self.frozen:
            norm.eval()
        return self

    def offset_maps(self, feature: Tensor) -> Tensor:
        """Offsets of every cell.

        Args:
            feature: backbone features [B x C x h x w] at 1/4.

        Returns:
            [B x K x 2 x h x w], (x, y) in input pixels, float32 whatever the autocast.
        """
        return self.branch(feature).float().unflatten(1, (-1, 2)) * self.offset_unit

    def detect(self, feature: Tensor, flip_indices: Tensor | None = None) -> OffsetsDetection:
        """Heatmaps and offsets, views merged.

        Args:
            feature: backbone features [B x C x h x w] at 1/4; with flip test [2B x C x h x w],
                all images and then all mirrored images.
            flip_indices: [K] mirror joint of every joint; flip test if given.
        """
        levels, _ = self.detector.split(self.detector((feature,)))
        maps = merge_heatmap_levels(levels)  # [V B x K+1 x H/2 x W/2]
        offsets = self.offset_maps(feature)
        if flip_indices is not None:
            # The center, behind the joints, is its own mirror.
            types = torch.cat([flip_indices, flip_indices.new_tensor([self.num_keypoints])])
            original, flipped = maps.chunk(2)
            maps = (original + mirror_heatmaps(flipped, types)) / 2
            original, flipped = offsets.chunk(2)
            offsets = (original + mirror_offsets(flipped, flip_indices)) / 2
        size = (4 * feature.shape[-2], 4 * feature.shape[-1])
        maps = F.interpolate(maps, size=size, mode='bilinear', align_corners=False)
        return OffsetsDetection(maps, offsets)

    def group(self, detection: OffsetsDetection, padding_mask: Tensor) -> Poses:
        """From maps to poses.

        Args:
            detection: result of :meth:`detect`.
            padding_mask: [B x H x W], 1 on the image; nothing is detected elsewhere.
        """
        maps = detection.maps * padding_mask[:, None]
        common = dict(num_slots=self.num_slots, min_slots=0, allowed=padding_mask > 0)
        keypoints = select_proposals(
            maps[:, :-1], nms_size=self.joint_nms, score_thr=self.keypoint_thr, **common
        )
        centers = select_proposals(
            maps[:, -1:], nms_size=self.center_nms, score_thr=self.center_thr, **common
        ).flatten()
        places = refine_points(
            centers.points[:, :, None].to(maps.dtype), detection.maps[:, -1:]
        )  # [B x C x 1 x 2]
        size = (maps.shape[-2], maps.shape[-1])
        offsets = read_offsets(detection.offsets, places[:, :, 0], size)  # [B x C x K x 2]
        return self.decoder.batch_decode(
            places + offsets, centers, keypoints, detection.maps[:, :-1]
        )

    def forward(self, feats: Sequence[Tensor]) -> Poses:
        """Poses from backbone features of images that fill their canvas, without flip test.

        Args:
            feats: the backbone's output, its last entry [B x C x h x w] at 1/4.
        """
        detection = self.detect(feats[-1])
        return self.group(detection, torch.ones_like(detection.maps[:, 0]))

    def predict(
        self, feats: Sequence, batch_data_samples: Sequence, test_cfg: dict | None = None
    ) -> list[InstanceData]:
        """Poses of a batch in pixels of the network input.

        Args:
            feats: the backbone's output; ``[original, mirrored]`` outputs with ``flip_test``.
            batch_data_samples: their metadata say where the image is in the input.
            test_cfg: ``flip_test`` and ``score_thr`` (poses below are dropped; default 0).

        Returns:
            for each image InstanceData of P poses with numpy ``keypoints`` [P x K x 2],
            ``keypoint_scores`` [P x K], ``bbox_scores`` [P] (heatmap value of the center) and
            ``bboxes`` [P x 4] (x1, y1, x2, y2 of the joints).

        Raises:
            ValueError: several scales are asked for, or the maps of an image are not finite.
        """
        test_cfg = test_cfg or {}
        if test_cfg.get('multiscale_test', False):
            raise ValueError(
                'OffsetsHead has no multi-scale test: set model.test_cfg.multiscale_test=False'
            )
        views = read_views(feats, batch_data_samples, test_cfg)
        detection = self.detect(views.features[0][-1], views.flip_indices)
        for maps in detection:
            check_finite(maps, views.metas)
        size = (detection.maps.shape[-2], detection.maps.shape[-1])
        mask = valid_mask(views.metas, size, 1, detection.maps.device)
        return self.decoder.to_instances(
            self.group(detection, mask), float(test_cfg.get('score_thr', 0.0))
        )

    def loss(
        self, feats: Sequence[Tensor], batch_data_samples: Sequence, train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """Heatmap loss of the detector and L1 of the offsets at annotated centers.

        Args:
            feats: the backbone's output, its last entry [B x C x h x w] at 1/4.
            batch_data_samples: with the labels and masks of ``OffsetsCodec``.
            train_cfg: not used, hyper-parameters are constructor arguments.

        Returns:
            ``loss_heatmap`` and ``loss_offset``, weighted.
        """
        feature = feats[-1]
        heatmaps, _ = self.detector.split(self.detector((feature,)))
        losses = dict(self.detector.heatmap_losses(heatmaps, batch_data_samples))
        labels = [sample.gt_instance_labels for sample in batch_data_samples]
        centers = pad_sequence([label.centers for label in labels], batch_first=True)
        targets = pad_sequence([label.offsets for label in labels], batch_first=True)
        visible = pad_sequence([label.offsets_visible for label in labels], batch_first=True)
        size = (4 * feature.shape[-2], 4 * feature.shape[-1])
        offsets = read_offsets(self.offset_maps(feature), centers, size)  # [B x N x K x 2]
        losses['loss_offset'] = self.loss_module(offsets, targets, visible > 0)
        return losses
