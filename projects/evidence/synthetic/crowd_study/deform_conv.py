"""Deformable convolution in plain PyTorch, for MMPose's DEKR head where mmcv has none compiled.

Importing this module puts it into the head's module if mmcv is mmcv-lite, and does nothing else.
The results equal those of mmcv's operator up to rounding; it is slower.
"""

from __future__ import annotations

import sys

import centergroup_mm  # noqa: F401  (fills the gaps of mmcv-lite before mmpose.models)

# isort: split
import torch
from mmpose.models.heads.hybrid_heads import dekr_head
from torch import Tensor, nn
from torch.nn import functional as F


class DeformConv2d(nn.Module):
    """Convolution of stride 1 that reads its inputs at offsets (Dai et al., ICCV 2017).

    Arguments and parameters are those of ``mmcv.ops.DeformConv2d`` that DEKR uses; the padding
    keeps the size.

    Args:
        in_channels, out_channels: C and O.
        kernel_size: side of the kernel in cells, odd.
        padding: half of ``kernel_size``, the only one supported.
        bias: has to be False.
        groups: groups of the convolution.
        deform_groups: D, groups of input channels that share their offsets.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        padding: int = 0,
        bias: bool = False,
        groups: int = 1,
        deform_groups: int = 1,
    ) -> None:
        super().__init__()
        if bias or 2 * padding + 1 != kernel_size:
            raise ValueError('only without bias, and with a padding that keeps the size')
        if in_channels % deform_groups:
            raise ValueError(f'{in_channels} channels do not divide into {deform_groups} groups')
        self.kernel_size, self.groups, self.deform_groups = kernel_size, groups, deform_groups
        shape = (out_channels, in_channels // groups, kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.empty(shape))
        nn.init.kaiming_uniform_(self.weight, nonlinearity='relu')

    def forward(self, x: Tensor, offset: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: [B x C x H x W].
            offset: [B x 2 D k^2 x H x W] (y, x) in cells for every cell of the kernel.

        Returns:
            [B x O x H x W].
        """
        batch, channels, height, width = x.shape
        side, groups = self.kernel_size, self.deform_groups
        cells = side * side
        offset = offset.reshape(batch * groups, cells, 2, height, width)
        reach = torch.arange(side, device=x.device, dtype=offset.dtype) - side // 2
        rows = torch.arange(height, device=x.device, dtype=offset.dtype)[:, None]
        columns = torch.arange(width, device=x.device, dtype=offset.dtype)
        y = offset[:, :, 0] + reach.repeat_interleave(side)[:, None, None] + rows
        x_at = offset[:, :, 1] + reach.repeat(side)[:, None, None] + columns
        # grid_sample wants -1 to 1 from the middle of the first cell to that of the last.
        grid = torch.stack([x_at * 2 / max(width - 1, 1) - 1, y * 2 / max(height - 1, 1) - 1], -1)
        sampled = F.grid_sample(
            x.reshape(batch * groups, channels // groups, height, width),
            grid.reshape(batch * groups, cells * height, width, 2),
            align_corners=True,
        )  # [B D x C/D x k^2 H x W], zero outside
        sampled = sampled.reshape(batch, channels * cells, height, width)
        weight = self.weight.flatten(2).flatten(1)[..., None, None]  # [O x C/g k^2 x 1 x 1]
        return F.conv2d(sampled, weight, groups=self.groups)


def is_compiled() -> bool:
    """Whether mmcv's own operator can be used."""
    extension = sys.modules.get('mmcv._ext')
    return extension is not None and getattr(extension, '__file__', None) is not None


if not is_compiled():
    dekr_head.DeformConv2d = DeformConv2d
