"""HigherHRNet head: heatmaps at two resolutions, optional centers, optional tags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from ...utils.deprecation import renamed_argument
from ...utils.skeleton import fill_order, read_metainfo
from ..grouping import merge_heatmap_levels, mirror_heatmaps
from ..grouping.embedding import ResidualBlock
from .detector import DetectorMaps
from .loaded_weights import LoadedWeights
from .views import ImageViews, Predictions, hand_out, read_views


@MODELS.register_module()
class CenterHigherHRNetHead(BaseHead):
    """Heatmaps at 1/4 and 1/2 of the input, and tags at 1/4.

    The first level is a 1x1 convolution of the backbone's features.  Features and everything
    the first level predicts (tags too) are concatenated, upsampled by a transposed
    convolution, refined by residual blocks and give the heatmaps of the second level
    (HigherHRNet, CVPR 2020).  CenterGroup adds one heatmap for person centers behind the
    joints, and as many tags (paper, section 4.2).

    The head is complete on its own: it trains with heatmap and associative embedding loss and
    groups with the tags.  Inside a ``CenterGroupHead`` it is a
    :class:`~centergroup_mm.models.heads.detector.Detector`, and only its heatmaps are used.

    Axis letters: B images, K joints, T heatmap types (K + 1 with the center, else K).

    Args:
        in_channels: channels of the backbone's features at 1/4.
        num_keypoints: K; default that of ``metainfo``.
        with_center: predict the center as heatmap K.
        with_tags: predict one tag map for each heatmap at 1/4.
        deconv_channels: channels at 1/2; default ``in_channels``.
        num_blocks: residual blocks at 1/2 (HigherHRNet: 4).
        heatmap_loss: config of the ``MultiLevelHeatmapLoss``; it holds its own weight.
        tag_loss: config of the ``AssociativeEmbeddingLoss`` (HigherHRNet: weight 0.001), or
            None: tags get no loss (CenterGroup's second stage).
        decoder: config of the ``CenterAssociativeEmbedding`` codec, needed to predict.
        metainfo: the skeleton, see :func:`~centergroup_mm.utils.skeleton.read_metainfo`; gives
            ``num_keypoints`` and the order in which the decoder groups, where they are not said.
        init_cfg: see mmengine; default as HigherHRNet: convolutions with deviation 0.001.
    """

    @renamed_argument('num_joints', 'num_keypoints')
    def __init__(
        self,
        in_channels: int,
        num_keypoints: int | None = None,
        with_center: bool = True,
        with_tags: bool = True,
        deconv_channels: int | None = None,
        num_blocks: int = 4,
        heatmap_loss: dict | None = None,
        tag_loss: dict | None = None,
        decoder: dict | None = None,
        metainfo: str | dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(self.default_init_cfg if init_cfg is None else init_cfg)
        self.loaded_weights = LoadedWeights(self)
        if tag_loss is not None and not with_tags:
            raise ValueError('tag_loss needs with_tags=True')
        if metainfo is not None:
            skeleton = read_metainfo(metainfo)
            num_keypoints = num_keypoints or skeleton.num_keypoints
            decoder = decoder and fill_order(decoder, skeleton)
        if num_keypoints is None:
            raise ValueError('CenterHigherHRNetHead needs num_keypoints or metainfo')
        self.num_keypoints = num_keypoints
        self.with_center = with_center
        self.with_tags = with_tags
        self.num_types = num_keypoints + int(with_center)
        channels = deconv_channels or in_channels
        outputs = self.num_types * (2 if with_tags else 1)
        self.final_layers = nn.ModuleList(
            [nn.Conv2d(in_channels, outputs, 1), nn.Conv2d(channels, self.num_types, 1)]
        )
        upsample = nn.Sequential(
            nn.ConvTranspose2d(in_channels + outputs, channels, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        blocks = [nn.Sequential(ResidualBlock(channels)) for _ in range(num_blocks)]
        self.deconv_layers = nn.ModuleList([nn.Sequential(upsample, *blocks)])
        self.heatmap_loss = MODELS.build(heatmap_loss or dict(type='MultiLevelHeatmapLoss'))
        self.tag_loss = None if tag_loss is None else MODELS.build(tag_loss)
        self.decoder = None if decoder is None else KEYPOINT_CODECS.build(decoder)
        if self.decoder is not None and self.decoder.with_center != with_center:
            raise ValueError('head and decoder differ in with_center')

    #: pixels of the network input for each cell of a heatmap, both levels
    strides = (4, 2)

    @property
    def default_init_cfg(self) -> list[dict]:
        """HigherHRNet's initialization of all convolutions of its head."""
        return [
            dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001),
            dict(type='Constant', layer='BatchNorm2d', val=1),
        ]

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Raw maps of both levels.

        Args:
            feats: the backbone's output, its last entry [B x C x h x w] at 1/4.

        Returns:
            - [B x T (or 2 T with tags) x h x w], heatmaps and then tags
            - [B x T x 2 h x 2 w] heatmaps
        """
        feature = feats[-1]
        first = _in_full(self.final_layers[0], feature)
        finer = self.deconv_layers[0](torch.cat([feature, first], dim=1))
        return first, _in_full(self.final_layers[1], finer)

    def split(self, maps: Sequence[Tensor]) -> tuple[list[Tensor], Tensor | None]:
        """Separate heatmaps and tags.

        Args:
            maps: result of :meth:`forward`.

        Returns:
            - heatmaps [B x T x h x w] at 1/4 and [B x T x 2 h x 2 w] at 1/2
            - tags [B x T x h x w] at 1/4, None without tags
        """
        first, second = maps
        tags = first[:, self.num_types :] if self.with_tags else None
        return [first[:, : self.num_types], second], tags

    def detect(self, feats: Sequence[Tensor]) -> DetectorMaps:
        """Predict what ``CenterGroupHead`` needs: heatmaps at 1/4 and 1/2, see :meth:`split`.

        Args:
            feats: the backbone's output, its last entry [B x C x h x w] at 1/4.
        """
        return DetectorMaps(self.split(self(feats))[0])

    # ---- training -------------------------------------------------------------------------

    def map_losses(self, maps: DetectorMaps, batch_data_samples: Sequence) -> dict[str, Tensor]:
        """Losses of a detector inside ``CenterGroupHead``, see :meth:`heatmap_losses`."""
        return self.heatmap_losses(maps.heatmaps, batch_data_samples)

    def heatmap_losses(
        self, heatmaps: Sequence[Tensor], batch_data_samples: Sequence
    ) -> dict[str, Tensor]:
        """Heatmap loss against the targets of the codec.

        Args:
            heatmaps: of both levels, see :meth:`split`.
            batch_data_samples: with ``gt_fields.heatmaps`` and ``gt_fields.heatmap_mask``
                (above 0 where the error counts), one of each for each level.

        Returns:
            ``loss_heatmap``, weighted.
        """
        fields = [sample.gt_fields for sample in batch_data_samples]
        targets = [torch.stack(level) for level in zip(*(f.heatmaps for f in fields), strict=True)]
        masks = [
            torch.stack(level) for level in zip(*(f.heatmap_mask for f in fields), strict=True)
        ]
        return dict(loss_heatmap=self.heatmap_loss(heatmaps, targets, masks))

    def tag_losses(self, tags: Tensor, batch_data_samples: Sequence) -> dict[str, Tensor]:
        """Associative embedding loss, the mean over images (MMPose's own sums over them).

        Args:
            tags: [B x T x h x w]; the center's are not used.
            batch_data_samples: with ``gt_instance_labels.keypoint_indices`` [N x K x 2].

        Returns:
            ``loss_pull`` and ``loss_push``, weighted.
        """
        tags = tags.float()
        indices = [s.gt_instance_labels.keypoint_indices for s in batch_data_samples]
        pull, push = self.tag_loss(tags[:, : self.num_keypoints].contiguous(), indices)
        # Distributed training needs gradients even if no image has a person.
        nothing = tags.sum() * 0
        return dict(loss_pull=pull / len(tags) + nothing, loss_push=push / len(tags) + nothing)

    def loss(
        self, feats: Sequence[Tensor], batch_data_samples: Sequence, train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """Losses of the detector alone.

        Args:
            feats: the backbone's output, its last entry [B x C x h x w] at 1/4.
            batch_data_samples: with the targets of ``CenterAssociativeEmbedding``.
            train_cfg: not used, hyper-parameters are constructor arguments.

        Returns:
            ``loss_heatmap`` and, with a tag loss, ``loss_pull`` and ``loss_push``.
        """
        self.loaded_weights.trained()
        heatmaps, tags = self.split(self.forward(feats))
        losses = self.heatmap_losses(heatmaps, batch_data_samples)
        if self.tag_loss is not None:
            losses.update(self.tag_losses(tags, batch_data_samples))
        return losses

    # ---- test -----------------------------------------------------------------------------

    def merge_views(self, views: ImageViews) -> tuple[list[Tensor], Tensor]:
        """Heatmaps and tags of a batch, original and mirrored images merged, in float32.

        Args:
            views: of one scale.

        Returns:
            - heatmaps [B x T x h x w] for each level, the mean of the views
            - tags [B x V T x h x w], the views' tags one after the other
        """
        heatmaps, tags = self.split(self(views.features[0]))
        maps = [level.float() for level in (*heatmaps, tags)]
        if views.flip_indices is None:
            return maps[:-1], maps[-1]
        # The center, behind the joints, is its own mirror.
        center = views.flip_indices.new_tensor([self.num_keypoints] if self.with_center else [])
        types = torch.cat([views.flip_indices, center])
        pairs = [level.chunk(2) for level in maps]
        pairs = [(original, mirror_heatmaps(flipped, types)) for original, flipped in pairs]
        return [(a + b) / 2 for a, b in pairs[:-1]], torch.cat(pairs[-1], dim=1)

    def predict(
        self, feats: Sequence, batch_data_samples: Sequence, test_cfg: dict | None = None
    ) -> Predictions:
        """Poses grouped by tags, in pixels of the network input.

        Args:
            feats: the backbone's output; ``[original, mirrored]`` outputs with ``flip_test``.
            batch_data_samples: metas ``input_size`` [w, h] and, for flip test,
                ``flip_indices``.
            test_cfg: ``flip_test``, ``score_thr`` (poses below are dropped; default: none) and
                ``output_heatmaps``.

        Returns:
            for each image InstanceData of P poses with numpy ``keypoints`` [P x K x 2],
            ``keypoint_scores`` [P x K], ``bboxes`` [P x 4] (x1, y1, x2, y2 of the joints) and
            ``bbox_scores`` [P] (mean score of the joints). With ``output_heatmaps`` a pair of them
            and of PixelData with the ``heatmaps`` [T x h x w].

        Raises:
            ValueError: there are no tags, no decoder, several scales, or images of several
                sizes.
        """
        self.loaded_weights.check()
        test_cfg = test_cfg or {}
        if self.decoder is None or not self.with_tags:
            raise ValueError('grouping by tags needs with_tags=True and a decoder')
        if test_cfg.get('multiscale_test', False):
            raise ValueError('CenterHigherHRNetHead has no multi-scale test')
        levels, tags = self.merge_views(read_views(feats, batch_data_samples, test_cfg))
        score_thr = test_cfg.get('score_thr')
        results = []
        # One image at a time: MMPose's grouping copies the maps of a whole batch into one array.
        for index in range(len(batch_data_samples)):
            own = [maps[index : index + 1] for maps in (*levels, tags)]
            keypoints, scores, pose_scores = (
                batch[0] for batch in self.decoder.batch_decode(own[:-1], own[-1])
            )
            if score_thr is not None:
                kept = pose_scores >= score_thr
                keypoints, scores, pose_scores = keypoints[kept], scores[kept], pose_scores[kept]
            results.append(
                InstanceData(
                    keypoints=keypoints,
                    keypoint_scores=scores,
                    bboxes=np.concatenate([keypoints.min(1), keypoints.max(1)], axis=1),
                    bbox_scores=pose_scores,
                )
            )
        return hand_out(results, batch_data_samples, test_cfg, merge_heatmap_levels(levels))


def _in_full(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Run a layer without autocast: half precision makes many neighbors in a heatmap equal."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.to(layer.weight.dtype))
