"""The backbone of MoveNet MultiPose."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmpose.models.backbones import MobileNetV2
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class MoveNetMobileNetV2(MobileNetV2):
    """MMPose's ``MobileNetV2`` in the variant that MoveNet MultiPose uses.

    The differences from the stock network are those of TensorFlow's object detection library:

    - Convolutions of stride 2 pad an even image by nothing above and left and by one row and
      column below and right (TensorFlow's ``SAME``); the others are MMPose's own.
    - The last layer has ``last_channels`` outputs whatever the width of the others.
    - There is no batch norm: the released weights have it folded into the convolutions.

    With the default outputs it returns [B x 40 x H/4 x W/4], [B x 48 x H/8 x W/8],
    [B x 96 x H/16 x W/16] and [B x 1280 x H/32 x W/32].

    Args:
        widen_factor: width of all layers but the last.
        last_channels: channels of the last layer.
        out_indices: layers whose outputs are returned, as of ``MobileNetV2``.
        kwargs: other arguments of ``MobileNetV2``; ``norm_cfg`` defaults to None.
    """

    def __init__(
        self,
        widen_factor: float = 1.5,
        last_channels: int = 1280,
        out_indices: Sequence[int] = (1, 2, 3, 7),
        **kwargs,
    ) -> None:
        super().__init__(
            widen_factor=widen_factor,
            out_indices=tuple(out_indices),
            **(dict(norm_cfg=None) | kwargs),
        )
        self.out_channel = last_channels
        self.conv2 = ConvModule(
            self.in_channels,
            last_channels,
            1,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )
        for module in list(self.modules()):
            if isinstance(module, ConvModule) and module.conv.stride == (2, 2):
                module.conv = PadBelowRightConv2d.like(module.conv)


class PadBelowRightConv2d(nn.Conv2d):
    """A 3x3 convolution of stride 2 that pads one row below and one column right.

    This is TensorFlow's ``SAME`` for inputs of even size, the only ones a feature pyramid takes.
    mmcv's ``Conv2dAdaptivePadding`` does the same in torch, but its size is fixed once it is
    traced, so that an exported model would take one input size only.
    """

    @classmethod
    def like(cls, conv: nn.Conv2d) -> PadBelowRightConv2d:
        """A convolution of the same channels, groups and stride; its weights are new."""
        return cls(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            stride=conv.stride,
            groups=conv.groups,
            bias=conv.bias is not None,
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B x C x h x w] -> [B x D x h/2 x w/2]."""
        return super().forward(F.pad(x, (0, 1, 0, 1)))
