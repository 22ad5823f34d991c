"""The feature pyramid of MoveNet MultiPose."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn


class SeparableConv(nn.Module):
    """A 3x3 depthwise convolution, a 1x1 convolution and a ReLU.

    In mmcv's ``DepthwiseSeparableConvModule`` either both convolutions have a bias or none; here
    only the second one has a bias. There is nothing between the two.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False
        )
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B x in_channels x h x w] -> [B x out_channels x h x w], not negative."""
        return F.relu(self.pointwise(self.depthwise(x)))


@MODELS.register_module()
class MoveNetFPN(BaseModule):
    """Feature pyramid of MoveNet MultiPose.

    From coarse to fine, a level is upsampled bilinearly, the lateral 1x1 convolution of the
    backbone's next finer level is added, and a separable convolution merges the two.  There is no
    activation after the lateral convolutions, so the coarsest level has none.

    Args:
        in_channels: channels of the backbone's levels, from fine (1/4) to coarse (1/32).
        lateral_channels: output channels of the lateral convolutions, fine to coarse.
        out_channels: channels of the merged levels, fine to coarse, one fewer than there are
            levels.  A level is added to the next finer one, so all but the finest must equal the
            lateral channels of the next finer level.
        init_cfg: see mmengine.

    Raises:
        ValueError: the numbers of channels do not fit each other.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (40, 48, 96, 1280),
        lateral_channels: Sequence[int] = (24, 32, 64, 64),
        out_channels: Sequence[int] = (24, 24, 32),
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        merged = (*out_channels[1:], lateral_channels[-1])  # what is added to each lateral
        if len(in_channels) != len(lateral_channels) or merged != tuple(lateral_channels[:-1]):
            raise ValueError(
                f'in_channels {tuple(in_channels)}, lateral_channels {tuple(lateral_channels)} '
                f'and out_channels {tuple(out_channels)} make no pyramid'
            )
        self.lateral_convs = nn.ModuleList(
            nn.Conv2d(number, lateral, 1)
            for number, lateral in zip(in_channels, lateral_channels, strict=True)
        )
        self.merge_convs = nn.ModuleList(
            SeparableConv(lateral, number)
            for lateral, number in zip(lateral_channels[:-1], out_channels, strict=True)
        )

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Merge the levels of a backbone.

        Args:
            feats: the backbone's levels [B x C x h x w], fine to coarse, each half as large as
                the one before.

        Returns:
            the levels of the pyramid, coarse to fine, so that the last one is the map at 1/4;
            with the default channels [B x 64 x H/32 x W/32], [B x 32 x H/16 x W/16],
            [B x 24 x H/8 x W/8] and [B x 24 x H/4 x W/4].
        """
        levels = [self.lateral_convs[-1](feats[-1])]
        finer = zip(self.lateral_convs[:-1], self.merge_convs, feats[:-1], strict=True)
        for lateral, merge, feature in reversed(list(finer)):
            coarser = F.interpolate(
                levels[-1], scale_factor=2, mode='bilinear', align_corners=False
            )
            levels.append(merge(coarser + lateral(feature)))
        return tuple(levels)
