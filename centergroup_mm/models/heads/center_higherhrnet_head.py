"""HigherHRNet's head with an additional center heatmap (paper, Section 5.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from ..grouping.embedding import ResidualBlock


@MODELS.register_module()
class CenterHigherHRNetHead(BaseHead):
    """Heatmaps at 1/4 and, after a deconvolution, at 1/2 of the input.

    Channels of the first level: K joints, the center, then as many associative-embedding tags;
    of the second: K joints and the center.  It serves as detector inside ``CenterGroupHead``
    and alone, for stage 1 of the training and as the associative-embedding baseline.

    Args:
        in_channels: channels of the backbone's 1/4 map.
        num_joints: K.
        with_center: predict the center heatmap.
        with_tags: predict tags at the first level; they feed the deconvolution too.
        deconv_channels: channels behind the deconvolution, default ``in_channels``.
        num_blocks: residual blocks behind the deconvolution.
        heatmap_loss: config of the loss, default ``MultiLevelHeatmapLoss``.
        tag_loss: config of the associative-embedding loss; None trains no tags.
        decoder: config of the codec that groups by tags; only for use without CenterGroup.
        init_cfg: see mmengine.
    """

    def __init__(
        self,
        in_channels: int,
        num_joints: int,
        with_center: bool = True,
        with_tags: bool = True,
        deconv_channels: int | None = None,
        num_blocks: int = 4,
        heatmap_loss: dict | None = None,
        tag_loss: dict | None = None,
        decoder: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = [
                dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001),
                dict(type='Constant', layer='BatchNorm2d', val=1),
            ]
        super().__init__(init_cfg)
        self.num_joints = num_joints
        self.with_center = with_center
        self.with_tags = with_tags
        self.num_types = num_joints + int(with_center)
        first = self.num_types * (2 if with_tags else 1)
        channels = deconv_channels or in_channels
        self.final_layers = nn.ModuleList(
            [nn.Conv2d(in_channels, first, 1), nn.Conv2d(channels, self.num_types, 1)]
        )
        upsample = nn.Sequential(
            nn.ConvTranspose2d(in_channels + first, channels, 4, 2, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        blocks = (nn.Sequential(ResidualBlock(channels)) for _ in range(num_blocks))
        self.deconv_layers = nn.ModuleList([nn.Sequential(upsample, *blocks)])
        self.heatmap_loss = MODELS.build(heatmap_loss or dict(type='MultiLevelHeatmapLoss'))
        self.tag_loss = MODELS.build(tag_loss) if with_tags and tag_loss else None
        self.decoder = KEYPOINT_CODECS.build(decoder) if decoder else None

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Raw maps of both levels.

        Args:
            feats: the backbone's output, its last entry [B x C x H/4 x W/4].

        Returns:
            [B x T (+ T tags) x H/4 x W/4] and [B x T x H/2 x W/2] with T = K (+ 1 center).
        """
        feature = feats[-1]
        low = self.final_layers[0](feature)
        high = self.deconv_layers[0](torch.cat([feature, low], dim=1))
        return low, self.final_layers[1](high)

    def split(self, maps: tuple[Tensor, Tensor]) -> tuple[list[Tensor], Tensor | None]:
        """Separate heatmaps and tags of :meth:`forward`.

        Returns:
            heatmaps [B x T x h x w] of both levels, and tags [B x T x H/4 x W/4] or None.
        """
        low, high = maps
        tags = low[:, self.num_types :] if self.with_tags else None
        return [low[:, : self.num_types], high], tags

    def heatmap_losses(
        self, heatmaps: Sequence[Tensor], batch_data_samples: Sequence
    ) -> dict[str, Tensor]:
        """``loss_heatmap`` on the targets and masks of the data samples."""
        targets, masks = (
            [
                torch.stack([getattr(sample.gt_fields, key)[level] for sample in batch_data_samples])
                for level in range(len(heatmaps))
            ]
            for key in ('heatmaps', 'heatmap_mask')
        )
        return dict(loss_heatmap=self.heatmap_loss(heatmaps, targets, masks))

    def loss(
        self, feats: Sequence[Tensor], batch_data_samples: Sequence, train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """Heatmap loss, and tag losses where tags are trained.

        Returns:
            ``loss_heatmap`` and, with ``tag_loss``, ``loss_pull`` and ``loss_push``.
        """
        heatmaps, tags = self.split(self.forward(feats))
        losses = self.heatmap_losses(heatmaps, batch_data_samples)
        if self.tag_loss is not None:
            indices = [
                sample.gt_instance_labels.keypoint_indices for sample in batch_data_samples
            ]
            losses['loss_pull'], losses['loss_push'] = self.tag_loss(tags.float(), indices)
        return losses

    def predict(
        self, feats: Sequence, batch_data_samples: Sequence, test_cfg: dict | None = None
    ) -> list[InstanceData]:
        """Poses grouped by associative embedding with the decoder's ``batch_decode``."""
        raise NotImplementedError
