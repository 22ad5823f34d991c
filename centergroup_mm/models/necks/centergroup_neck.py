"""Context-aware embeddings of keypoints and centers (paper, Section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...compat import is_traced
from ...utils.deprecation import renamed_argument
from ..grouping import (
    MLP,
    EmbeddingCNN,
    EncoderLayer,
    Proposals,
    embed_points,
    sample_at,
    sine_encoding_at,
)


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


def attended(valid: Tensor) -> Tensor:
    """Keypoints that may be attended to [B x M]; all of them in an image without valid ones."""
    return valid | ~valid.any(1, keepdim=True)


@MODELS.register_module()
class CenterGroupNeck(BaseModule):
    """Embedding CNNs, sampling at points, initial MLP and transformer encoder.

    Keypoints and centers have one embedding CNN each and share everything else. At test time these
    CNNs run only around the proposals if that is cheaper; the result is the same up to rounding.
    The defaults are those of the official implementation; supplement C.2 has the sizes of the
    transformer.

    Args:
        in_channels: channels of the backbone's 1/4 map.
        num_keypoints: K.
        channels: D.
        num_blocks: residual blocks of each embedding CNN (paper: one).
        num_layers: encoder layers; 0 for no transformer (paper, Table 1, rows 3 to 5).
        num_heads: attention heads of the encoder.
        hidden: width of the encoder's MLPs.
        dropout: in the encoder, while training.
        scale_weights: for multi-scale testing, the weight of the features of each scale, that of
            the original input first.
        position_encoding, type_encoding: add encodings of the position and of the detected type of
            a keypoint to queries and keys (the paper's Table 1 has rows without them).
        init_cfg: see mmengine.
    """

    @renamed_argument('num_joints', 'num_keypoints')
    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
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
        self.num_keypoints = num_keypoints
        self.channels = channels
        self.scale_weights = tuple(scale_weights)
        self.keypoint_embed = EmbeddingCNN(in_channels, channels, num_blocks)
        self.center_embed = EmbeddingCNN(in_channels, channels, num_blocks)
        self.initial_mlp = MLP(channels, channels, channels, final_relu=True)
        self.position_proj = nn.Linear(channels, channels) if position_encoding else None
        self.type_embed = nn.Embedding(num_keypoints + 1, channels) if type_encoding else None
        self.layers = nn.ModuleList(
            EncoderLayer(channels, num_heads, hidden, dropout) for _ in range(num_layers)
        )

    def embed(
        self,
        features: Sequence[Sequence[Tensor]],
        keypoints: Proposals,
        centers: Proposals,
        size: tuple[int, int],
    ) -> Tensor:
        """Embeddings of all slots: the values of the embedding CNNs at their points.

        At test time they are float32 even under autocast, because half precision changes
        visibilities and attention by more than the tolerance of the reference values.

        Args:
            features: for each test scale, the scale of the original input first, the levels of
                the backbone; the last is read, [B x in_channels x h x w] at 1/4.
            keypoints: [B x K x R ...].
            centers: [B x 1 x C ...].
            size: (H, W) of the network input in pixels.

        Returns:
            [B x M+C x D], weighted means over scales. Slots that are not attended to may be 0.

        Raises:
            ValueError: the number of scales is not that of ``scale_weights``.
        """
        weights = self.scale_weights if len(features) > 1 else (1.0,)
        if len(features) != len(weights):
            raise ValueError(
                f'{len(features)} test scales but scale_weights of the neck has '
                f'{len(weights)} entries'
            )
        keypoints, centers = keypoints.flatten(), centers.flatten()
        groups = (
            (self.keypoint_embed, keypoints.points, attended(keypoints.valid)),
            (self.center_embed, centers.points, centers.valid),
        )
        autocast = torch.autocast(centers.points.device.type, enabled=False)
        with nullcontext() if self.training else autocast:
            return torch.cat([
                sum(
                    weight * self._embed_at(cnn, levels[-1], points, used, size)
                    for weight, levels in zip(weights, features, strict=True)
                )
                for cnn, points, used in groups
            ], dim=1).float()  # fmt: skip

    def _embed_at(
        self,
        cnn: EmbeddingCNN,
        feature: Tensor,
        points: Tensor,
        used: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Embeddings of one scale [B x P x D]."""
        if self.training:  # batch statistics are those of whole maps
            return sample_at(cnn(feature), points, size)
        return embed_points(cnn, feature.float(), points, used, size)

    def tokenize(
        self,
        embeddings: Tensor,
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
            padding_mask: [B x H/4 x W/4], 1 on the image.
            size: (H, W) of the network input in pixels.

        Returns:
            tokens [B x M+C x D], encoding [B x M+C x D], valid [B x M+C].
        """
        ranks = keypoints.scores.shape[2]
        keypoints, centers = keypoints.flatten(), centers.flatten()
        points = torch.cat([keypoints.points, centers.points], dim=1)
        encoding = torch.zeros_like(embeddings)
        if self.position_proj is not None:
            position = sine_encoding_at(padding_mask, points, size, self.channels)
            encoding = self.position_proj(position)
        if self.type_embed is not None:
            types = torch.arange(self.num_keypoints, device=points.device).repeat_interleave(ranks)
            center_type = types.new_full((centers.scores.shape[1],), self.num_keypoints)
            types = torch.cat([types, center_type])
            encoding = encoding + self.type_embed(types)
        valid = torch.cat([attended(keypoints.valid), centers.valid], dim=1)
        return self.initial_mlp(embeddings), encoding, valid

    def forward(
        self,
        features: Sequence[Sequence[Tensor]],
        keypoints: Proposals,
        centers: Proposals,
        padding_mask: Tensor,
        size: tuple[int, int],
    ) -> Tokens:
        """See :meth:`embed` and :meth:`tokenize` for the arguments.

        Autocast affects at most the convolutions of :meth:`embed`, in training. The rest is little
        work and would lose AP in half precision.
        """
        embeddings = self.embed(features, keypoints, centers, size)
        with torch.autocast(padding_mask.device.type, enabled=False):
            slots = self.tokenize(embeddings, keypoints, centers, padding_mask, size)
            tokens, encoding, valid = slots
            return Tokens(self.encode(tokens, encoding, valid), encoding, valid)

    def encode(self, tokens: Tensor, encoding: Tensor, valid: Tensor) -> list[Tensor]:
        """Run the encoder; arguments and result as in ``Tokens``.

        On a CPU, slots that are empty in all images of a batch are left out, because they would
        cost as much as the others. They keep their initial embeddings, to which nothing attends. A
        traced graph has a fixed number of slots.
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
