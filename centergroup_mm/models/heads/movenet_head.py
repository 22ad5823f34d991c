"""The heads of MoveNet MultiPose: a detector with centers, offsets and regressed joints."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from ...utils.skeleton import fill_sigmas, read_metainfo
from ..grouping.one_shot import MoveNetMaps
from ..necks.movenet_fpn import SeparableConv
from .detector import DetectorMaps
from .loaded_weights import LoadedWeights
from .views import Predictions, hand_out, wants


@MODELS.register_module()
class MoveNetHead(BaseHead):
    """Six maps at 1/4 of the input: a separable and a 1x1 convolution for each.

    The head can be used by itself: it is trained with heatmaps, offsets, regressed joints and
    boxes, and it groups by moving the joints that a center regresses to detected ones. Inside a
    ``CenterGroupHead`` it is a :class:`~centergroup_mm.models.heads.detector.Detector`.

    Axis letters: B images, K joints, h and w the size of the maps.

    Args:
        in_channels: channels of the finest level of the pyramid.
        num_keypoints: K, unless ``metainfo`` says it.
        feat_channels: channels between the two layers of each branch.
        loss: config of the ``MoveNetLoss``, needed to train.
        decoder: config of the ``MoveNetCodec``, needed to predict.
        metainfo: the skeleton, see :func:`~centergroup_mm.utils.skeleton.read_metainfo`; gives
            ``num_keypoints``, and the loss's ``sigmas`` where its config does not say them.
        init_cfg: see mmengine.
    """

    with_center = True
    strides = (4,)

    def __init__(
        self,
        in_channels: int = 24,
        num_keypoints: int = 17,
        feat_channels: int = 96,
        loss: dict | None = None,
        decoder: dict | None = None,
        metainfo: str | dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.loaded_weights = LoadedWeights(self)
        if metainfo is not None:
            skeleton = read_metainfo(metainfo)
            num_keypoints = skeleton.num_keypoints
            loss = loss and fill_sigmas(loss, skeleton)
        self.num_keypoints = num_keypoints
        channels = MoveNetMaps(1, 2, 2, num_keypoints, 2 * num_keypoints, 2 * num_keypoints)
        self.branches = nn.ModuleDict(
            {
                name: nn.Sequential(
                    SeparableConv(in_channels, feat_channels), nn.Conv2d(feat_channels, number, 1)
                )
                for name, number in channels._asdict().items()
            }
        )
        self.loss_module = None if loss is None else MODELS.build(loss)
        self.decoder = None if decoder is None else KEYPOINT_CODECS.build(decoder)

    def forward(self, feats: Sequence[Tensor]) -> MoveNetMaps:
        """Raw maps.

        Args:
            feats: levels of the pyramid, coarse to fine, the last one [B x C x h x w] at 1/4.

        Returns:
            MoveNetMaps.
        """
        return MoveNetMaps(*(branch(feats[-1]) for branch in self.branches.values()))

    def detect(self, feats: Sequence[Tensor]) -> DetectorMaps:
        """The maps in the form of the detector protocol: probabilities and (x, y), in cells.

        Args:
            feats: as of :meth:`forward`.
        """
        return self.as_detection(self.forward(feats))

    def as_detection(self, maps: MoveNetMaps) -> DetectorMaps:
        """Raw maps in the form of the detector protocol."""
        return DetectorMaps(
            heatmaps=[torch.cat([maps.kpt_heatmap, maps.center], dim=1).sigmoid()],
            offsets=maps.kpt_offset.unflatten(1, (-1, 2)).flip(2),
            joints=maps.kpt_regress.unflatten(1, (-1, 2)).flip(2),
            sizes=maps.box_scale.clamp(min=0).flip(1),
        )

    # ---- training -------------------------------------------------------------------------

    def loss(
        self, feats: Sequence[Tensor], batch_data_samples: Sequence, train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """Losses of all six maps.

        Args:
            feats: as of :meth:`forward`.
            batch_data_samples: with the targets of ``MoveNetCodec``.
            train_cfg: not used, hyper-parameters are constructor arguments.

        Returns:
            losses of ``MoveNetLoss``, weighted.

        Raises:
            ValueError: the head was built without a loss.
        """
        self.loaded_weights.trained()
        return self._losses(self.forward(feats), batch_data_samples)

    def map_losses(self, maps: DetectorMaps, batch_data_samples: Sequence) -> dict[str, Tensor]:
        """Losses of the maps of :meth:`detect`; the box offsets, which these lack, have no loss.

        Args:
            maps: result of :meth:`detect`.
            batch_data_samples: as of :meth:`loss`.
        """
        logits = maps.heatmaps[-1].float().logit(eps=1e-6)
        raw = MoveNetMaps(
            center=logits[:, -1:],
            box_scale=maps.sizes.flip(1),
            box_offset=None,
            kpt_heatmap=logits[:, :-1],
            kpt_regress=maps.joints.flip(2).flatten(1, 2),
            kpt_offset=maps.offsets.flip(2).flatten(1, 2),
        )
        return self._losses(raw, batch_data_samples)

    def _losses(self, maps: MoveNetMaps, batch_data_samples: Sequence) -> dict[str, Tensor]:
        """Losses of raw maps."""
        if self.loss_module is None:
            raise ValueError('MoveNetHead needs loss=dict(type="MoveNetLoss", ...) to be trained')
        fields = [sample.gt_fields for sample in batch_data_samples]
        labels = [sample.gt_instance_labels for sample in batch_data_samples]
        stride = self.strides[-1]
        return self.loss_module(
            maps,
            torch.stack([field.heatmaps[-1] for field in fields]),
            torch.stack([field.heatmap_mask[-1] for field in fields]),
            [label.joints / stride for label in labels],
            [label.joints_visible for label in labels],
            [label.boxes / stride for label in labels],
        )

    # ---- test -----------------------------------------------------------------------------

    def predict(
        self, feats: Sequence[Tensor], batch_data_samples: Sequence, test_cfg: dict | None = None
    ) -> Predictions:
        """One-shot poses, in pixels of the network input.

        Images of a batch may differ in size: each is decoded by itself, from the part of the maps
        at the top left that shows it.

        Args:
            feats: as of :meth:`forward`.
            batch_data_samples: meta ``img_shape`` (h, w) of the padded input of each image.
            test_cfg: ``score_thr`` (poses below are dropped; default: none) and
                ``output_heatmaps``.

        Returns:
            for each image InstanceData as of ``MoveNetCodec.batch_decode``; with
            ``output_heatmaps`` a pair of them and of PixelData with the ``heatmaps``
            [K+1 x h x w], the center last.

        Raises:
            ValueError: there is no decoder, or a flip or multi-scale test is asked for.
        """
        self.loaded_weights.check()
        test_cfg = test_cfg or {}
        if self.decoder is None:
            raise ValueError('MoveNetHead needs a decoder to predict poses')
        for option in ('flip_test', 'multiscale_test'):
            if test_cfg.get(option, False):
                raise ValueError(f'MoveNetHead has no {option}: set it to False in test_cfg')
        maps = self.forward(feats)
        stride = self.strides[-1]
        canvas = tuple(stride * side for side in maps.center.shape[-2:])
        results, heatmaps = [], []
        for index, sample in enumerate(batch_data_samples):
            height, width = sample.metainfo.get('img_shape', canvas)[:2]
            own = MoveNetMaps(
                *(
                    part[index : index + 1, :, : -(-height // stride), : -(-width // stride)]
                    for part in maps
                )
            )
            score_thr = float(test_cfg.get('score_thr') or 0.0)
            results += self.decoder.batch_decode(own, score_thr)
            if wants(test_cfg, 'output_heatmaps'):
                heatmaps.append(torch.cat([own.kpt_heatmap, own.center], 1)[0].sigmoid())
        return hand_out(results, batch_data_samples, test_cfg, heatmaps)
