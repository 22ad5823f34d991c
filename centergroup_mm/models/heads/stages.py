"""The stages of CenterGroup: detect, propose, group, decode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from mmpose.models.heads.base_head import BaseHead
from torch import Tensor, nn

from ..grouping import (
    ExpectedPose,
    GroupingOutput,
    Poses,
    Proposals,
    merge_heatmaps,
    merge_mirrored,
    mirror_proposals,
    read_expected,
    select_proposals,
)
from ..necks.centergroup_neck import CenterGroupNeck
from .detector import Detector, DetectorMaps

if TYPE_CHECKING:  # codecs import models
    from ...codecs.attention_grouping import AttentionGroupingCodec


class Detection(NamedTuple):
    """What the detector predicts for a batch, all views and scales merged.

    ======== ========================= ====================================================
    maps     [B x K+1 x H x W]         merged heatmaps of keypoints and center, at input
                                       resolution
    features S tuples of               for each scale the levels of backbone and neck, V = 2
             [V B x C x h x w]         with flip test
    detected DetectorMaps or None      of the first scale, views not merged; needed by a
                                       grouping with geometry
    ======== ========================= ====================================================
    """

    maps: Tensor
    features: Sequence[tuple[Tensor, ...]]
    detected: DetectorMaps | None = None


class GroupingStages(BaseHead):
    """What a batch goes through from features to poses, in training, at test and in exports.

    A subclass sets the attributes and calls the stages in turn.  Axis letters: B images, V views
    (2 with flip test: all images, then all mirrored images), K keypoint types, R ranks of a type.
    """

    detector: Detector
    neck: CenterGroupNeck
    grouping: nn.ModuleList
    decoder: AttentionGroupingCodec
    num_keypoints: int
    num_slots: int
    joint_nms: int
    center_nms: int
    score_thr: float
    min_slots: int

    def detect(
        self,
        features: Sequence[Sequence[Tensor]],
        flip_indices: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Detection:
        """Run the detector on features and merge its heatmaps.

        Args:
            features: for each scale, the original first, the levels of backbone and neck
                [V B x C x h x w].
            flip_indices: [K] mirror keypoint of every keypoint; flip test if given.
            size: (H, W) of the network input; default that of the first scale.
        """
        detected = [self.detector.detect(levels) for levels in features]
        maps = self.merge([found.heatmaps for found in detected], flip_indices, size)
        return Detection(maps, list(map(tuple, features)), detected[0])

    def merge(
        self,
        heatmaps: Sequence[Sequence[Tensor]],
        flip_indices: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Merge levels, views and scales to one map of each type at input resolution.

        Args:
            heatmaps: for each scale the heatmaps of all levels, [V B x K+1 x h x w].
            flip_indices, size: as for :meth:`detect`.

        Returns:
            [B x K+1 x H x W], float32.
        """
        height, width = heatmaps[0][0].shape[-2:]
        stride = self.detector.strides[0]
        types = None if flip_indices is None else self.with_center(flip_indices)
        return merge_heatmaps(heatmaps, size or (stride * height, stride * width), types)

    def with_center(self, flip_indices: Tensor) -> Tensor:
        """Append the center, which is its own mirror: [K] -> [K+1]."""
        return torch.cat([flip_indices, flip_indices.new_tensor([self.num_keypoints])])

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
            padding_mask: [B x H x W], 1 on the image.
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
        views = []
        for group, types in (
            (keypoints, flip_indices),
            (centers, torch.zeros_like(flip_indices[:1])),
        ):
            mirrored = mirror_proposals(group, types, maps.shape[-1])
            views.append(Proposals(*map(torch.cat, zip(group, mirrored, strict=True))))
        return views[0], views[1]

    def group(
        self,
        features: Sequence[tuple[Tensor, ...]],
        keypoints: Proposals,
        centers: Proposals,
        padding_mask: Tensor,
        size: tuple[int, int],
        last_only: bool = True,
        detected: DetectorMaps | None = None,
    ) -> list[GroupingOutput]:
        """Embed proposals in context and attend from centers to keypoints.

        Args:
            features: of a :class:`Detection`; B counts views here.
            keypoints, centers: result of :meth:`propose`.
            padding_mask: [B x H/4 x W/4], 1 on the image.
            size: (H, W) of the network input.
            last_only: only the module behind the last encoder layer, which test uses.
            detected: of a :class:`Detection`, needed with geometry.

        Returns:
            outputs of the grouping modules, first to last.
        """
        tokens = self.neck(features, keypoints, centers, padding_mask, size)
        points = keypoints.flatten().points
        split = points.shape[1]
        encoding, valid = tokens.encoding, tokens.valid[:, :split]
        expected = self.expect(centers, detected)
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
                    expected,
                )
                for module, layer in (pairs[-1:] if last_only else pairs)
            ]

    def expect(self, centers: Proposals, detected: DetectorMaps | None) -> ExpectedPose | None:
        """Read where the detector expects the keypoints of centers; None if it does not say."""
        if detected is None or detected.joints is None or detected.sizes is None:
            return None
        points, stride = centers.flatten().points, self.detector.strides[-1]
        return read_expected(detected.joints, detected.sizes, points, stride)

    def infer(
        self,
        detection: Detection,
        padding_masks: tuple[Tensor, Tensor],
        flip_indices: Tensor | None = None,
        last_only: bool = True,
    ) -> tuple[GroupingOutput, Proposals]:
        """From maps and features to merged grouping outputs.

        Args:
            detection: result of :meth:`detect`.
            padding_masks: masks of the image at 1/4 [B x H/4 x W/4] and full resolution
                [B x H x W], of the unmirrored input.
            flip_indices: as given to :meth:`detect`.
            last_only: see :meth:`group`; False runs all modules, for an explanation.

        Returns:
            output of the last grouping module, views merged, and the flattened centers.
        """
        quarter, full = padding_masks
        size = (detection.maps.shape[-2], detection.maps.shape[-1])
        keypoints, centers = self.propose(detection.maps, full, full > 0, flip_indices)
        if flip_indices is not None:
            quarter = torch.cat([quarter, quarter.flip(-1)])
        given = (detection.features, keypoints, centers, quarter, size)
        output = self.group(*given, last_only=last_only, detected=detection.detected)[-1]
        if not self.grouping[-1].classify_centers:
            # The score of a center is then its heatmap value, which is the same in both views.
            score = centers.flatten().scores.float().clamp(1e-6, 1 - 1e-6)
            output = output._replace(center=score.logit())
        if flip_indices is not None:
            output = merge_mirrored(output, flip_indices, size[1])
        return output, Proposals(*(field[: full.shape[0]] for field in centers.flatten()))

    def decode(
        self,
        detection: Detection,
        padding_masks: tuple[Tensor, Tensor],
        flip_indices: Tensor | None = None,
        last_only: bool = True,
    ) -> Poses:
        """Poses of a detection; arguments as of :meth:`infer`."""
        output, centers = self.infer(detection, padding_masks, flip_indices, last_only)
        return self.decoder.batch_decode(output, detection.maps[:, :-1], centers.valid)
