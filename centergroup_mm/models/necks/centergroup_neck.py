"""Context-aware embeddings of keypoints and centers (paper, Section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...compat import is_traced
from ..grouping import MLP, EmbeddingCNN, EncoderLayer, Proposals, sample_at, sine_encoding_at


class Tokens(NamedTuple):
    """Embeddings of all proposals; slots are M keypoints, then C centers.

    ========= ======================= ==================================================
    layers    L+1 of [B x M+C x D]    before the encoder and after each of its layers
    encoding  [B x M+C x D]           position and type, for queries and keys
    valid     [B x M+C]               bool, slots that may be attended to
    ========= ======================= ==================================================
    """

    layers: list[Tensor]
    encoding: Tensor
    valid: Tensor


@MODELS.register_module()
class CenterGroupNeck(BaseModule):
    """Embedding CNNs, sampling at points, initial MLP and transformer encoder.

    Keypoints and centers have an embedding CNN each and share everything else.  Defaults are
    those of the authors' program; supplement C.2 gives the transformer's sizes.

    Args:
        in_channels: channels of the backbone's 1/4 map.
        num_joints: K.
        channels: D.
        num_blocks: residual blocks of each embedding CNN (paper: one).
        num_layers: encoder layers; 0 is without transformer (paper, Table 1, rows 3 to 5).
        num_heads: attention heads of the encoder.
        hidden: width of the encoder's MLPs.
        dropout: in the encoder, while training.
        scale_weights: for multi-scale testing, how much the features of each scale count, the
            scale of the original input first.
        position_encoding, type_encoding: let queries and keys know the place and the detected
            type of a keypoint (paper, Table 1: rows without them).
        init_cfg: see mmengine.
    """

    def __init__(
        self,
        in_channels: int,
        num_joints: int,
        channels: int = 128,
        num_blocks: int = 2,
        num_layers: int = 3,
        num_heads: int = 4,
        hidden: int = 512,
        dropout: float = 0.1,
        scale_weights: Sequence[float] = (0.6, 0.2, 0.2),
        position_encoding: bool = True,
        type_encoding: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_joints = num_joints
        self.channels = channels
        self.scale_weights = tuple(scale_weights)
        self.keypoint_embed = EmbeddingCNN(in_channels, channels, num_blocks)
        self.center_embed = EmbeddingCNN(in_channels, channels, num_blocks)
        self.initial_mlp = MLP(channels, channels, channels, final_relu=True)
        self.position_proj = nn.Linear(channels, channels) if position_encoding else None
        self.type_embed = nn.Embedding(num_joints + 1, channels) if type_encoding else None
        self.layers = nn.ModuleList(
            EncoderLayer(channels, num_heads, hidden, dropout) for _ in range(num_layers)
        )

    def embed(self, features: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Embedding maps for keypoints and for centers.

        At test they are float32 whatever the autocast: float16 moves visibilities by 0.002,
        bfloat16 by 0.02, and both the attention with them.

        Args:
            features: backbone maps at 1/4, [B x in_channels x h x w] for each test scale.

        Returns:
            maps [B x D x h x w] for keypoints and for centers, one for each scale.
        """
        if self.training:
            return self._embed(features)
        with torch.autocast(features[0].device.type, enabled=False):
            return self._embed([feature.float() for feature in features])

    def _embed(self, features: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        return (
            [self.keypoint_embed(feature) for feature in features],
            [self.center_embed(feature) for feature in features],
        )

    def sample(self, maps: Sequence[Tensor], points: Tensor, size: tuple[int, int]) -> Tensor:
        """Weighted mean over scales of the values at points.

        Args:
            maps: [B x D x h x w] for each test scale, the original first.
            points: [B x P x 2] x, y in pixels of the network input.
            size: (H, W) of the network input.

        Returns:
            [B x P x D]

        Raises:
            ValueError: there are more scales than ``scale_weights``, or fewer.
        """
        if len(maps) == 1:
            return sample_at(maps[0], points, size)
        if len(maps) != len(self.scale_weights):
            raise ValueError(
                f'{len(maps)} test scales but scale_weights of the neck has '
                f'{len(self.scale_weights)} entries'
            )
        pairs = zip(self.scale_weights, maps, strict=True)
        return sum(weight * sample_at(m, points, size) for weight, m in pairs)

    def tokenize(
        self,
        embeddings: tuple[list[Tensor], list[Tensor]],
        keypoints: Proposals,
        centers: Proposals,
        padding_mask: Tensor,
        size: tuple[int, int],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Initial embeddings, encodings and masks of all slots.

        Args:
            embeddings: result of :meth:`embed`.
            keypoints: [B x K x R ...].
            centers: [B x 1 x C ...].
            padding_mask: [B x H/4 x W/4], 1 inside the picture.
            size: (H, W) of the network input in pixels.

        Returns:
            tokens [B x M+C x D], encoding [B x M+C x D], valid [B x M+C].
        """
        keypoint_maps, center_maps = embeddings
        ranks = keypoints.scores.shape[2]
        keypoints, centers = keypoints.flatten(), centers.flatten()
        features = torch.cat(
            [
                self.sample(keypoint_maps, keypoints.points, size),
                self.sample(center_maps, centers.points, size),
            ],
            dim=1,
        ).float()
        points = torch.cat([keypoints.points, centers.points], dim=1)
        encoding = torch.zeros_like(features)
        if self.position_proj is not None:
            position = sine_encoding_at(padding_mask, points, size, self.channels)
            encoding = self.position_proj(position)
        if self.type_embed is not None:
            types = torch.arange(self.num_joints, device=points.device).repeat_interleave(ranks)
            types = torch.cat([types, types.new_full((centers.scores.shape[1],), self.num_joints)])
            encoding = encoding + self.type_embed(types)
        # An image whose keypoints are all masked attends to all of them (authors' program).
        visible = keypoints.valid | ~keypoints.valid.any(1, keepdim=True)
        return (
            self.initial_mlp(features),
            encoding,
            torch.cat([visible, centers.valid], dim=1),
        )

    def forward(
        self,
        features: Sequence[Tensor],
        keypoints: Proposals,
        centers: Proposals,
        padding_mask: Tensor,
        size: tuple[int, int],
    ) -> Tokens:
        """See :meth:`embed` and :meth:`tokenize` for the arguments.

        Autocast reaches the convolutions of :meth:`embed` at most, in training: what follows is
        little work, and costs AP in half precision.
        """
        embeddings = self.embed(features)
        with torch.autocast(padding_mask.device.type, enabled=False):
            slots = self.tokenize(embeddings, keypoints, centers, padding_mask, size)
            tokens, encoding, valid = slots
            return Tokens(self.encode(tokens, encoding, valid), encoding, valid)

    def encode(self, tokens: Tensor, encoding: Tensor, valid: Tensor) -> list[Tensor]:
        """Run the encoder; arguments and result as in ``Tokens``.

        What is empty in all images of a batch is left out on a CPU, where it would cost as much
        as the rest, and keeps its initial embedding: nothing attends to it.  A traced graph has
        a fixed number of slots.
        """
        layers = [tokens]
        if tokens.device.type != 'cpu' or is_traced():
            for layer in self.layers:
                layers.append(layer(layers[-1], encoding, valid))
            return layers
        used = valid.any(0).nonzero()[:, 0]
        packed, encoding, valid = (x.index_select(1, used) for x in (tokens, encoding, valid))
        for layer in self.layers:
            packed = layer(packed, encoding, valid)
            layers.append(tokens.index_copy(1, used, packed.to(tokens.dtype)))
        return layers
