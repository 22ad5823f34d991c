"""Small networks that turn backbone features into embeddings, on whole maps or around points.

With two residual blocks, a value that is interpolated between four cells depends on a 10x10 window
of the backbone's map. The convolutions of one window cost as much as those of about 34 cells of a
whole map. For an input of 512 x 512 pixels, windows around up to 480 points are therefore cheaper
than the whole map.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .listed_cells import Cells, NeededCells, convolve, with_zeros
from .sampling import bilinear_corners


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
        """Apply the block to the inner part of windows, see ``EmbeddingCNN.on_windows``.

        Args:
            x: [N x D x s x s], zero beyond the map.
            inside: [N x 1 x s x s], 1 on the map and 0 beyond.

        Returns:
            [N x D x s-4 x s-4], zero beyond the map.
        """
        y = F.conv2d(x, self.conv1.weight, self.conv1.bias)  # with a bias: see utils/fusing.py
        y = self.bn1(y).relu_() * inside[..., 1:-1, 1:-1]
        y = F.conv2d(y, self.conv2.weight, self.conv2.bias)
        y = self.bn2(y).add_(x[..., 2:-2, 2:-2]).relu_()
        return y * inside[..., 2:-2, 2:-2]

    def at_cells(self, x: Tensor, layers: Sequence[Cells], width: int) -> Tensor:
        """Apply the block at listed cells, see ``EmbeddingCNN.at_cells``.

        Args:
            x: values of the first list of cells, [N+1 x D].
            layers: the cells of input, first and second convolution.
            width: of the maps with their border.

        Returns:
            [N'+1 x D], values of the last list of cells.
        """
        source, middle, target = layers
        y = convolve(x, source, middle, self.conv1.weight, self.conv1.bias, width)
        y = with_zeros(_normed(self.bn1, y).relu_())
        y = convolve(y, middle, target, self.conv2.weight, self.conv2.bias, width)
        y = _normed(self.bn2, y) + source.read(x, target.flat)
        return with_zeros(y.relu_())


class EmbeddingCNN(nn.Sequential):
    """Backbone features to embeddings: a 1x1 convolution and residual blocks.

    Two blocks as in the official implementation; the paper's Section 5.3 has one.

    Args:
        in_channels: channels of the backbone's 1/4 map.
        channels: D.
        num_blocks: residual blocks.

    Attributes:
        reach: radius in cells of the region that an output depends on.
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
        """Outputs for the four cells in the middle of windows, equal to those of the whole map.

        Convolutions pad whole maps with zeros, so everything outside of the map is set to zero
        before each convolution.

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
            assert isinstance(block, ResidualBlock)
            x = block.on_windows(x, inside)
            inside = inside[..., 2:-2, 2:-2]
        return x

    def at_cells(self, maps: Tensor, needed: NeededCells) -> Tensor:
        """Outputs at the cells that are needed, equal to those of the whole map.

        Args:
            maps: [B x in_channels x h x w].
            needed: result of :func:`~.listed_cells.needed_cells` for these maps.

        Returns:
            [N+1 x D], values of the last list of cells; the last row is zero.
        """
        convolution, norm, relu, *blocks = self
        assert isinstance(convolution, nn.Conv2d)
        height, width = maps.shape[-2] + 2, needed.width
        index = needed.layers[0].flat
        row = torch.div(index, width, rounding_mode='floor')
        image = torch.div(row, height, rounding_mode='floor')
        cells = (row - image * height - 1 + image * (height - 2)) * (width - 2)
        cells = cells + index - row * width - 1
        x = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1]).index_select(0, cells)
        x = F.linear(x, convolution.weight[..., 0, 0], convolution.bias)
        x = with_zeros(relu(_normed(norm, x)))
        for place, block in enumerate(blocks):
            assert isinstance(block, ResidualBlock)
            x = block.at_cells(x, needed.layers[2 * place : 2 * place + 3], width)
        return x


def _normed(norm: nn.Module, values: Tensor) -> Tensor:
    """A batch norm, or what it was replaced with, on the values of cells: [N x D] -> [N x D]."""
    if not isinstance(norm, nn.BatchNorm2d):
        return norm(values)
    # written out, because a batch norm asks whether N is 0, which a graph cannot answer
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return values * scale + (norm.bias - norm.running_mean * scale)


def embed_cells(cnn: EmbeddingCNN, maps: Tensor, needed: NeededCells) -> Tensor:
    """Embeddings at points, equal to ``sample_at(cnn(maps), points, size)`` up to rounding.

    Args:
        cnn: in evaluation mode, because batch statistics are those of whole maps.
        maps: backbone maps at 1/4, [B x C x h x w].
        needed: result of :func:`~.listed_cells.needed_cells` for these maps.

    Returns:
        [P x D]
    """
    values = needed.layers[-1].read(cnn.at_cells(maps, needed), needed.corners)
    return (values * needed.weights[..., None]).sum(1)


def window_cost(cnn: EmbeddingCNN) -> float:
    """Number of cells of a whole map whose convolutions take as long as those of one window.

    This is the mean area of the outputs of its convolutions, plus a seventh because small
    convolutions are slower, as measured on a CPU.
    """
    outputs = [side * side for side in range(2, 2 * cnn.reach + 1, 2)] or [4]
    return 8 / 7 * sum(outputs) / len(outputs)


def embed_windows(
    cnn: EmbeddingCNN, features: Tensor, images: Tensor, points: Tensor, size: tuple[int, int]
) -> Tensor:
    """Embeddings at points, equal to ``sample_at(cnn(features), points, size)`` up to rounding.

    Args:
        cnn: in evaluation mode, because batch statistics are those of whole maps.
        features: backbone maps at 1/4, [B x C x h x w].
        images: [N] int64, the image of each point.
        points: [N x 2] (x, y) in whole pixels of the network input.
        size: (H, W) of the network input.

    Returns:
        [N x D]
    """
    corners, weights = bilinear_corners(points, size, (features.shape[-2], features.shape[-1]))
    values = cnn.on_windows(*cut_windows(features, images, corners[:, 0], cnn.reach))
    return (values.flatten(2) * weights[:, None]).sum(-1)


def cut_windows(maps: Tensor, images: Tensor, cells: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Cut square windows, which may lie partly outside of the map.

    Args:
        maps: [B x C x h x w].
        images: [N] int64.
        cells: [N] int64, y * w + x of the upper left of the four cells in the middle.
        reach: cells around those four.

    Returns:
        windows [N x C x s x s] with s = 2 reach + 2, and [N x 1 x s x s], 1 on the map and 0
        beyond, where the windows hold the nearest cell.
    """
    height, width = maps.shape[-2:]
    steps = torch.arange(-reach, reach + 2, device=maps.device)
    y = cells // width
    rows = y[:, None] + steps  # [N x s]
    columns = (cells - y * width)[:, None] + steps
    inside = ((rows >= 0) & (rows < height))[:, :, None]
    inside = inside & ((columns >= 0) & (columns < width))[:, None]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    index = (images[:, None, None] * height + rows[:, :, None]) * width + columns[:, None]
    # Channels last: one copy for each cell, and the layout that convolutions prefer.
    cells = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    windows = cells.index_select(0, index.flatten()).view(*index.shape, maps.shape[1])
    return windows.permute(0, 3, 1, 2), inside[:, None].to(maps.dtype)
