"""The CenterGroup head: detect, propose, embed in context, group, decode."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from ...utils.skeleton import fill_detector, fill_number, fill_sigmas, read_metainfo
from ...utils.valid_mask import valid_mask
from ..grouping import Poses
from ..grouping.explanation import explain_layers, record
from ..losses.centergroup_loss import PersonTargets
from .detector import Detector, DetectorMaps
from .loaded_weights import LoadedWeights
from .stages import GroupingStages
from .views import Predictions, check_finite, hand_out, read_views, wants


@MODELS.register_module()
class CenterGroupHead(GroupingStages):
    """Detect keypoints and centers, embed them in context and let centers choose keypoints.

    The stages are those of :class:`~centergroup_mm.models.heads.stages.GroupingStages`, the same
    for :meth:`loss`, :meth:`predict` and :meth:`forward`.  Axis letters: B images, V views (2 with
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
