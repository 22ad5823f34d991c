"""The CenterGroup head as MMPose uses it: loss, predict and forward."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from torch import Tensor

from ...utils.valid_mask import content_mask, crop_views, images_by_cells
from ..grouping import Poses
from ..losses.centergroup_loss import PersonTargets
from .centergroup_stages import CenterGroupStages


@MODELS.register_module()
class CenterGroupHead(CenterGroupStages):
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
        flip_test = test_cfg.get('flip_test', False)
        scales = [[view[-1] for view in (views if flip_test else [views])] for views in scales]
        flip_indices = None
        if flip_test:
            flip_indices = torch.as_tensor(
                batch_data_samples[0].metainfo['flip_indices'], device=scales[0][0].device
            )
        metas = [sample.metainfo for sample in batch_data_samples]
        results = [None] * len(metas)
        # One round for images of one size: what is beyond an image must not reach it.
        for cells, members in images_by_cells(metas, scales[0][0].shape[-2:]):
            features = [crop_views(views, members, cells, scales[0][0]) for views in scales]
            poses = self._predict_alike(features, [metas[i] for i in members], flip_indices)
            instances = self.decoder.to_instances(poses, float(test_cfg.get('score_thr', 0.0)))
            for index, instance in zip(members, instances, strict=True):
                results[index] = instance
        return results

    def _predict_alike(
        self, features: Sequence[Tensor], metas: Sequence[dict], flip_indices: Tensor | None
    ) -> Poses:
        """Poses of images that have the size of their canvas; arguments as of `detect`."""
        detection = self.detect(features, flip_indices)
        maps = detection.maps
        check_finite(maps, metas)
        size = (maps.shape[-2], maps.shape[-1])
        masks = tuple(content_mask(metas, size, stride, maps.device) for stride in (4, 1))
        output, centers = self.infer(detection, masks, flip_indices)
        return self.decoder.batch_decode(output, maps[:, :-1], centers.valid)

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

        Raises:
            ValueError: the samples lack ``label_mask``.
        """
        feature = feats[-1]
        heatmaps, _ = self.detector.split(self.detector((feature,)))
        losses = dict(self.detector.heatmap_losses(heatmaps, batch_data_samples))
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
        labelled = torch.stack([field.label_mask[-1] for field in fields]) > 0
        persons = [
            PersonTargets(
                joints=labels.joints,
                visible=labels.joints_visible.bool(),
                box_sizes=labels.box_sizes,
                matchable=labels.matchable.bool(),
            )
            for labels in (sample.gt_instance_labels for sample in batch_data_samples)
        ]
        maps = self.merge([[level.detach() for level in heatmaps]])
        losses.update(
            self.grouping_losses(maps, feature, (quarter, full), labelled & (full > 0), persons)
        )
        return losses


def check_finite(maps: Tensor, metas: Sequence[dict]) -> None:
    """Raise a ValueError that names the image if heatmaps [B x T x H x W] hold NaN or infinity.

    Extremes pass NaN on, and finding them is ten times as fast as ``isfinite`` of every pixel.
    """
    axes = (1, 2, 3)
    finite = torch.isfinite(maps.amax(axes)) & torch.isfinite(maps.amin(axes))
    if not finite.all():
        meta = metas[int(finite.int().argmin())]
        raise ValueError(
            f'the heatmaps of {meta.get("img_path", "an image")} are not finite: '
            'the checkpoint or the image holds NaN or infinite values'
        )
