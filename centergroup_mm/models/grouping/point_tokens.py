"""Embeddings of proposals from features that are sampled at their points only."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...compat import is_traced
from .embedding import MLP
from .encoder import EncoderLayer
from .point_proposals import CenterPeaks, KeypointPeaks
from .sampling import bilinear_corners


class PointFeatures(NamedTuple):
    """Values of the detector's maps at the proposals; S sampled channels.

    ========= =============== ==========================================================
    keypoints [B x K x R x S] at the cells of the keypoint peaks
    centers   [B x C x S]     at the cells of the center peaks
    regressed [B x C x K x S] at the keypoints that each center regresses
    ========= =============== ==========================================================
    """

    keypoints: Tensor
    centers: Tensor
    regressed: Tensor


class PointTokens(NamedTuple):
    """Embeddings, and what is added to them in queries and keys (position and type).

    ================== =============== ===================================================
    keypoints          [B x K x R x D]
    keypoint_encoding  [B x K x R x D]
    centers            [B x C x D]
    center_encoding    [B x C x D]
    regressed          [B x C x K x D] not in context: the encoder does not see them
    regressed_encoding [B x C x K x D]
    ================== =============== ===================================================
    """

    keypoints: Tensor
    keypoint_encoding: Tensor
    centers: Tensor
    center_encoding: Tensor
    regressed: Tensor
    regressed_encoding: Tensor


def sample_cells(maps: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """Read maps of any resolution at points, bilinearly.

    Args:
        maps: [B x S x h' x w'], of any stride.
        points: [B x P x 2] (x, y) in cells of the finest level.
        size: (h, w) of the finest level.

    Returns:
        [B x P x S]; points beyond the border get the value at the border.
    """
    if is_traced():
        return _gather_cells(maps.float(), points, size)
    grid = torch.stack([points[..., 0] / size[1], points[..., 1] / size[0]], -1) * 2 - 1
    values = F.grid_sample(
        maps.float(), grid[:, :, None], mode='bilinear', padding_mode='border', align_corners=False
    )
    return values[..., 0].transpose(1, 2)


def _gather_cells(maps: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """As :func:`sample_cells`, without ``grid_sample``, which takes many minutes to export."""
    height, width = maps.shape[-2:]
    # the middle of a cell is at one half here, and at a whole number there
    index, weight = bilinear_corners(points - 0.5, size, (height, width))
    image = torch.arange(maps.shape[0], device=maps.device)[:, None, None]
    cells = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    values = cells.index_select(0, (index + image * (height * width)).flatten())
    values = values.view(*index.shape, maps.shape[1])  # [B x P x 4 x S]
    return (values * weight[..., None]).sum(2)


def sine_encoding(points: Tensor, channels: int) -> Tensor:
    """Sines and cosines of x and of y, wavelengths from 4 to 256 cells.

    Args:
        points: [... x 2] in cells.
        channels: D, divisible by 4.

    Returns:
        [... x D]: for x sines and cosines, then for y.
    """
    exponent = torch.linspace(0, 6, channels // 4, device=points.device)
    phase = points[..., None] * (2 * math.pi / (4 * 2**exponent))  # [... x 2 x D/4]
    return torch.cat([phase.sin(), phase.cos()], -1).flatten(-2)


class PointEmbedding(nn.Module):
    """From sampled features to embeddings in context.

    Keypoints are embedded from the sampled features and their log-odds, centers also from the shape
    of the pose that they regress. Regressed keypoints are embedded like keypoints. The sampled
    features are standardized by constants, because the magnitudes of a pyramid's levels differ by a
    factor of a hundred.

    Args:
        in_channels: S.
        num_keypoints: K.
        channels: D.
        num_layers: encoder layers; 0 for no context.
        num_heads: attention heads of the encoder.
        hidden: width of the encoder's MLPs.
        dropout: in the encoder, while training.
        num_context: of each type, this many of the best keypoints take part in the encoder.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        channels: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
        hidden: int = 128,
        dropout: float = 0.0,
        num_context: int = 10,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.num_keypoints = num_keypoints
        self.num_context = num_context
        self.register_buffer('mean', torch.zeros(in_channels))
        self.register_buffer('std', torch.ones(in_channels))
        self.embed_keypoint = nn.Linear(in_channels + 1, channels)
        self.embed_center = nn.Linear(in_channels + 2 * num_keypoints + 4, channels)
        self.mlp = MLP(channels, channels, channels)
        self.position = nn.Linear(channels, channels)
        self.types = nn.Embedding(num_keypoints + 1, channels)
        self.layers = nn.ModuleList(
            EncoderLayer(channels, num_heads, hidden, dropout) for _ in range(num_layers)
        )

    def standardize(self, features: PointFeatures) -> PointFeatures:
        """Sampled features with mean 0 and deviation 1 in the training set."""
        return PointFeatures(*((values - self.mean) / self.std for values in features))

    def forward(
        self,
        features: PointFeatures,
        keypoints: KeypointPeaks,
        centers: CenterPeaks,
        own_logits: Tensor,
    ) -> PointTokens:
        """Embeddings of all proposals.

        Args:
            features: standardized.
            keypoints, centers: of the same slots.
            own_logits: log-odds of type k at the regressed keypoint k [B x C x K].
        """
        kinds = self.types.weight
        keypoint = self._embed_keypoints(features.keypoints, keypoints.logits)
        regressed = self._embed_keypoints(features.regressed, own_logits)
        center = self._embed_centers(features.centers, centers)
        keypoint_encoding = self._encode(keypoints.points) + kinds[:-1, None]
        center_encoding = self._encode(centers.cells) + kinds[-1]
        if len(self.layers):
            keypoint, center = self._in_context(
                keypoint, keypoint_encoding, keypoints.valid, center, center_encoding, centers.valid
            )
        return PointTokens(
            keypoints=keypoint,
            keypoint_encoding=keypoint_encoding,
            centers=center,
            center_encoding=center_encoding,
            regressed=regressed,
            regressed_encoding=self._encode(centers.regressed) + kinds[:-1],
        )

    def _embed_keypoints(self, features: Tensor, logits: Tensor) -> Tensor:
        """[... x S] and log-odds of their own type [...] -> [... x D]."""
        return self.mlp(F.relu(self.embed_keypoint(torch.cat([features, logits[..., None]], -1))))

    def _embed_centers(self, features: Tensor, centers: CenterPeaks) -> Tensor:
        """[B x C x S] -> [B x C x D]."""
        scale = centers.scales
        shape = (centers.regressed - centers.cells[:, :, None]) / scale[..., None, None]
        numbers = torch.cat(
            [
                features,
                shape.flatten(-2),
                scale.log()[..., None],
                centers.sizes.clamp(min=1).log(),
                centers.logits[..., None],
            ],
            -1,
        )
        return self.mlp(F.relu(self.embed_center(numbers)))

    def _encode(self, points: Tensor) -> Tensor:
        return self.position(sine_encoding(points, self.channels))

    def _in_context(
        self,
        keypoints: Tensor,
        keypoint_encoding: Tensor,
        keypoint_valid: Tensor,
        centers: Tensor,
        center_encoding: Tensor,
        center_valid: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Run the encoder over centers and the best keypoints of each type."""
        best, rest = keypoints[:, :, : self.num_context], keypoints[:, :, self.num_context :]
        num_types, ranks = best.shape[1:3]
        tokens = torch.cat([best.flatten(1, 2), centers], 1)
        encoding = keypoint_encoding[:, :, : self.num_context].flatten(1, 2)
        encoding = torch.cat([encoding, center_encoding], 1)
        valid = keypoint_valid[:, :, : self.num_context].flatten(1)
        valid = torch.cat([valid, center_valid], 1)
        for layer in self.layers:
            tokens = layer(tokens, encoding, valid)
        best, centers = tokens.split([num_types * ranks, centers.shape[1]], 1)
        return torch.cat([best.unflatten(1, (num_types, ranks)), rest], 2), centers
