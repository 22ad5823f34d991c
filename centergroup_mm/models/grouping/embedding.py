"""Small networks that turn backbone features into embeddings."""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers with ReLU between them.

    Args:
        widths: input width, then the output width of every layer.
        final_relu: also apply ReLU to the last output.
    """

    def __init__(self, *widths: int, final_relu: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in itertools.pairwise(widths))
        self.final_relu = final_relu

    def forward(self, x: Tensor) -> Tensor:
        """[... x widths[0]] -> [... x widths[-1]]."""
        last = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i < last or self.final_relu:
                x = x.relu()
        return x


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm around an identity (ResNet's basic block)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B x D x h x w] -> the same shape."""
        y = self.bn1(self.conv1(x)).relu_()
        return self.bn2(self.conv2(y)).add_(x).relu_()  # in place: these maps are large

    def on_windows(self, x: Tensor, inside: Tensor) -> Tensor:
        """The same for the inner part of windows, see ``EmbeddingCNN.on_windows``.

        Args:
            x: [N x D x s x s], zero beyond the map.
            inside: [N x 1 x s x s], 1 on the map and 0 beyond.

        Returns:
            [N x D x s-4 x s-4], zero beyond the map.
        """
        y = self.bn1(F.conv2d(x, self.conv1.weight)).relu_() * inside[..., 1:-1, 1:-1]
        y = self.bn2(F.conv2d(y, self.conv2.weight)).add_(x[..., 2:-2, 2:-2]).relu_()
        return y * inside[..., 2:-2, 2:-2]


class EmbeddingCNN(nn.Sequential):
    """Backbone features to embeddings: a 1x1 convolution and residual blocks.

    Two blocks as in the authors' program; the paper's Section 5.3 speaks of one.

    Args:
        in_channels: channels of the backbone's 1/4 map.
        channels: D.
        num_blocks: residual blocks.

    Attributes:
        reach: how many cells around its own an output depends on.
    """

    def __init__(self, in_channels: int, channels: int = 128, num_blocks: int = 2) -> None:
        super().__init__(
            nn.Conv2d(in_channels, channels, 1),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            *(ResidualBlock(channels) for _ in range(num_blocks)),
        )
        self.reach = 2 * num_blocks

    def on_windows(self, windows: Tensor, inside: Tensor) -> Tensor:
        """The four cells in the middle of windows, as of the whole map.

        Convolutions pad whole maps with zeros, so what lies beyond the map is made zero before
        each of them.

        Args:
            windows: [N x in_channels x s x s] with s = 2 ``reach`` + 2, and anything finite
                beyond the map.
            inside: [N x 1 x s x s], 1 on the map and 0 beyond.

        Returns:
            [N x D x 2 x 2]
        """
        convolution, norm, relu, *blocks = self
        x = relu(norm(convolution(windows))) * inside
        for block in blocks:
            x = block.on_windows(x, inside)
            inside = inside[..., 2:-2, 2:-2]
        return x
