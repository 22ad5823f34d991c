"""The CenterGroup head: detect, propose, embed in context, group, decode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from ...utils.skeleton import fill_detector, fill_number, fill_sigmas, read_metainfo
from ...utils.valid_mask import valid_mask
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
from ..grouping.explanation import explain_layers, record
from ..losses.centergroup_loss import PersonTargets
from .detector import Detector, DetectorMaps
from .loaded_weights import LoadedWeights
from .views import Predictions, check_finite, hand_out, read_views, wants


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


@MODELS.register_module()
class CenterGroupHead(BaseHead):
    """Detect keypoints and centers, embed them in context and let centers choose keypoints.

    :meth:`detect`, :meth:`propose` and :meth:`group` are the stages, the same for
    :meth:`loss`, :meth:`predict` and :meth:`forward`.  Axis letters: B images, V views (2 with
    flip test: all images, then all mirrored images), K keypoint types, R ranks of a type.

    Args:
        detector: config of a :class:`~centergroup_mm.models.heads.detector.Detector` with
            centers, such as ``CenterHigherHRNetHead``.
        neck: config of the ``CenterGroupNeck``.
        grouping: config of the ``AttentionGrouping``; one module before the encoder and one after
            each of its layers are trained; only the last one is used at test time.
        loss: config of the ``CenterGroupLoss``.
        decoder: config of the ``AttentionGroupingCodec``.
        metainfo: the skeleton, see :func:`~centergroup_mm.utils.skeleton.read_metainfo`; gives
            ``num_keypoints`` of detector, neck and grouping and ``sigmas`` of the loss, where
            their configs do not say them.
        num_slots: R, proposals of each type (official implementation and supplement C.2: 30).
        joint_nms, center_nms: windows of the non-maximum suppression in input pixels.
        score_thr, min_slots: which proposals take part, see ``select_proposals``.
        freeze_detector_bn: keep statistics and affine part of the detector's batch norms
            (stage 2 starts from a trained detector).  The backbone's own are frozen by its
            ``norm_eval`` and ``norm_cfg``.
        init_cfg: see mmengine.

    Raises:
        ValueError: the detector has no centers, the parts differ in their number of keypoints,
            or loss or decoder ask for what the grouping does not predict.
    """

    def __init__(
        self,
        detector: dict,
        neck: dict,
        grouping: dict,
        loss: dict,
        decoder: dict,
        metainfo: str | dict | None = None,
        num_slots: int = 30,
        joint_nms: int = 5,
        center_nms: int = 17,
        score_thr: float = 0.005,
        min_slots: int = 3,
        freeze_detector_bn: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.loaded_weights = LoadedWeights(self)
        skeleton = None if metainfo is None else read_metainfo(metainfo)
        self.detector: Detector = MODELS.build(fill_detector(detector, metainfo))
        if not getattr(self.detector, 'with_center', False):
            raise ValueError('CenterGroupHead needs a detector with with_center=True')
        self.neck = MODELS.build(fill_number(neck, skeleton))
        self.grouping = nn.ModuleList(
            MODELS.build(fill_number(grouping, skeleton)) for _ in range(len(self.neck.layers) + 1)
        )
        self.loss_module = MODELS.build(fill_sigmas(loss, skeleton))
        self.decoder = KEYPOINT_CODECS.build(decoder)
        self.num_keypoints = self.detector.num_keypoints
        self._check_numbers()
        self._check_predictions(self.grouping[-1])
        self.num_slots = num_slots
        self.joint_nms = joint_nms
        self.center_nms = center_nms
        self.score_thr = score_thr
        self.min_slots = min_slots
        self.frozen_norms: list[nn.Module] = []  # a plain list: they belong to the detector
        if freeze_detector_bn:
            norm_type = nn.modules.batchnorm._NormBase
            self.frozen_norms = [m for m in self.detector.modules() if isinstance(m, norm_type)]
            for norm in self.frozen_norms:
                norm.requires_grad_(False)

    def _check_numbers(self) -> None:
        """Raise a ValueError for parts with another number of keypoints than the detector."""
        for name, number in (
            ('neck', self.neck.num_keypoints),
            ('grouping', self.grouping[-1].num_keypoints),
            ('loss', len(self.loss_module.sigmas)),
        ):
            if number != self.num_keypoints:
                raise ValueError(
                    f'the detector has {self.num_keypoints} keypoints and the {name} {number}: '
                    'give the skeleton once, CenterGroupHead(metainfo=...)'
                )

    def _check_predictions(self, grouping: nn.Module) -> None:
        """Raise a ValueError for losses or scores that the grouping does not predict."""
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

    def train(self, mode: bool = True) -> CenterGroupHead:
        """Like that of any module, but frozen batch norms stay in evaluation mode."""
        super().train(mode)
        for norm in self.frozen_norms:
            norm.eval()
        return self

    # ---- stages ---------------------------------------------------------------------------

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

    # ---- what MMPose calls ----------------------------------------------------------------

    def forward(self, feats: Sequence[Tensor]) -> Poses:
        """Poses from the features of images without padding, without flip test.

        Args:
            feats: levels of backbone and neck, [B x C x h x w] each.
        """
        detection = self.detect([feats])
        full = detection.maps.new_ones((len(detection.maps), *detection.maps.shape[-2:]))
        return self.decode(detection, (full[:, ::4, ::4], full))

    def predict(
        self, feats: Sequence, batch_data_samples: Sequence, test_cfg: dict | None = None
    ) -> Predictions:
        """Poses of a batch in pixels of the network input.

        Args:
            feats: levels of backbone and neck; a pair ``[original, mirrored]`` of them with
                ``flip_test``; a list of such entries for the scales with ``multiscale_test``.
            batch_data_samples: their metadata say where the image is in the input.
            test_cfg: ``flip_test``, ``multiscale_test``, ``score_thr`` (poses below are
                dropped; default 0, keep all), ``output_heatmaps`` and ``output_attention``, see
                :func:`~centergroup_mm.models.heads.views.hand_out`.

        Returns:
            for each image InstanceData of P poses with numpy ``keypoints`` [P x K x 2],
            ``keypoint_scores`` [P x K] (visibility), ``bbox_scores`` [P] (pose score) and
            ``bboxes`` [P x 4] (x1, y1, x2, y2 of the keypoints). With ``output_heatmaps`` a pair of
            them and of PixelData with the merged ``heatmaps`` [K+1 x H x W], the center last.

        Raises:
            ValueError: the images differ in size, or the heatmaps of one are not finite.
        """
        self.loaded_weights.check()
        views = read_views(feats, batch_data_samples, test_cfg)
        detection = self.detect(views.features, views.flip_indices)
        maps = detection.maps
        check_finite(maps, views.metas)
        size = (maps.shape[-2], maps.shape[-1])
        masks = tuple(valid_mask(views.metas, size, stride, maps.device) for stride in (4, 1))
        explain = wants(test_cfg, 'output_attention')
        with record([self.neck, *self.grouping] if explain else []) as calls:
            poses = self.decode(detection, masks, views.flip_indices, last_only=not explain)
        explanation = None
        if explain:
            (_, (_, keypoints, centers, *_), _), *layers = calls
            explanation = explain_layers(layers, keypoints, centers, poses)
        instances = self.decoder.to_instances(poses, float((test_cfg or {}).get('score_thr', 0.0)))
        return hand_out(instances, batch_data_samples, test_cfg, maps, explanation)

    def loss(
        self, feats: Sequence[Tensor], batch_data_samples: Sequence, train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """Losses of the detector and of all grouping modules.

        Args:
            feats: levels of backbone and neck, [B x C x h x w] each.
            batch_data_samples: with the labels and masks of ``AttentionGroupingCodec``.
            train_cfg: not used, hyper-parameters are constructor arguments.

        Returns:
            the detector's (``loss_heatmap`` ...), ``loss_center``, ``loss_visibility`` and
            ``loss_location``.

        Raises:
            ValueError: the samples lack ``label_mask``.
        """
        self.loaded_weights.trained()
        detected = self.detector.detect(feats)
        losses = dict(self.detector.map_losses(detected, batch_data_samples))
        fields = [sample.gt_fields for sample in batch_data_samples]
        if not all(hasattr(field, 'label_mask') for field in fields):
            raise ValueError(
                'the training samples have no label_mask: put CrowdHeatmapMask into the pipeline '
                'instead of BottomupGetHeatmapMask'
            )
        quarter, full = (
            torch.stack([field.padding_mask[level] for field in fields]).float()
            for level in (0, -1)
        )
        labeled = torch.stack([field.label_mask[-1] for field in fields]) > 0
        persons = [PersonTargets.read(sample.gt_instance_labels) for sample in batch_data_samples]
        maps = self.merge([[level.detach() for level in detected.heatmaps]])
        given = (maps, feats, (quarter, full), labeled & (full > 0), persons)
        return losses | self.grouping_losses(*given, detected=detected)

    def grouping_losses(
        self,
        maps: Tensor,
        feats: Sequence[Tensor],
        padding_masks: tuple[Tensor, Tensor],
        allowed: Tensor,
        persons: Sequence[PersonTargets],
        detected: DetectorMaps | None = None,
    ) -> dict[str, Tensor]:
        """Losses of everything behind the detector.

        Args:
            maps: merged heatmaps [B x K+1 x H x W]; no gradient flows into them.
            feats: levels of backbone and neck, [B x C x h x w] each.
            padding_masks: [B x H/4 x W/4] and [B x H x W], 1 on the image.
            allowed: [B x H x W] bool, False in padding and ignored regions.
            persons: annotations of each image.
            detected: the detector's maps, needed with geometry; no gradient flows into them.
        """
        if detected is not None and detected.joints is not None and detected.sizes is not None:
            detected = DetectorMaps((), None, detected.joints.detach(), detected.sizes.detach())
        keypoints, centers = self.propose(maps, padding_masks[1], allowed)
        size = (maps.shape[-2], maps.shape[-1])
        quarter = padding_masks[0]
        given = ([tuple(feats)], keypoints, centers, quarter, size)
        outputs = self.group(*given, last_only=False, detected=detected)
        return self.loss_module(outputs, centers.flatten(), persons)
