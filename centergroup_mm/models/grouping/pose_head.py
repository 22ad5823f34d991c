"""What becomes of a chosen pose: places between cells, visibility, and how good the pose is."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .candidate_attention import Candidates, choose
from .embedding import MLP
from .encoder import EncoderLayer
from .point_proposals import CenterPeaks
from .point_tokens import PointFeatures, PointTokens


class PoseEstimate(NamedTuple):
    """One pose for each center; logits are before the sigmoid.

    ========== =============== =========================================================
    points     [B x C x K x 2] refined places in cells
    visibility [B x C x K]     logit of the keypoint being labeled
    similarity [B x C x K]     logit of the keypoint's OKS
    quality    [B x C]         logit of the pose's score
    ========== =============== =========================================================
    """

    points: Tensor
    visibility: Tensor
    similarity: Tensor
    quality: Tensor


class PoseHead(nn.Module):
    """Refines and judges the pose of every center.

    Each keypoint of a pose is described by the features where it was chosen, by its center and
    by how clear the choice was.  The keypoints of a pose may see one another.  From the
    description come a small shift, visibility and similarity; from all of a pose together comes
    its quality, which ranks poses.

    Args:
        in_channels: S, sampled channels.
        num_keypoints: K.
        channels: D of the tokens.
        pose_channels: width of the description of a keypoint.
        num_layers: encoder layers among the keypoints of a pose.
        refine: move the chosen keypoints.
        shift_unit: shifts are predicted in this share of the person's size.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        channels: int = 64,
        pose_channels: int = 48,
        num_layers: int = 1,
        refine: bool = True,
        shift_unit: float = 0.1,
    ) -> None:
        super().__init__()
        self.refine = refine
        self.shift_unit = shift_unit
        self.types = nn.Embedding(num_keypoints, pose_channels)
        self.from_features = nn.Linear(in_channels, pose_channels)
        self.from_center = nn.Linear(channels, pose_channels)
        self.from_token = nn.Linear(channels, pose_channels)
        self.from_choice = nn.Linear(8, pose_channels)
        self.mlp = MLP(pose_channels, pose_channels, pose_channels)
        self.layers = nn.ModuleList(
            EncoderLayer(pose_channels, 4, 2 * pose_channels, 0.0) for _ in range(num_layers)
        )
        self.predict = nn.Linear(pose_channels, 4)
        nn.init.zeros_(self.predict.weight)
        nn.init.zeros_(self.predict.bias)
        self.judge = MLP(2 * pose_channels + channels + 4, 64, 64, 1)

    def forward(
        self,
        features: PointFeatures,
        tokens: PointTokens,
        candidates: Candidates,
        centers: CenterPeaks,
    ) -> PoseEstimate:
        """Refine and judge; features standardized."""
        index = candidates.chosen
        num_types = index.shape[-1]
        at = choose(features.keypoints, features.regressed, index)  # [B x C x K x S]
        token = choose(tokens.keypoints, tokens.regressed, index)
        described = self.mlp(
            F.relu(
                self.types.weight
                + self.from_features(at)
                + self.from_center(tokens.centers)[:, :, None]
                + self.from_token(token)
                + self.from_choice(self._choice(at, candidates, centers))
            )
        )  # [B x C x K x E]
        if len(self.layers):
            described = self._among_keypoints(described)
        shift, visibility, similarity = self.predict(F.relu(described)).split([2, 1, 1], -1)
        visibility, similarity = visibility[..., 0], similarity[..., 0]
        points = candidates.points
        if self.refine:
            points = points + shift * (self.shift_unit * centers.scales[..., None, None])
        likely = similarity.sigmoid()
        numbers = [
            centers.logits,
            centers.scales.log(),
            likely.mean(-1),
            (likely * visibility.sigmoid()).sum(-1) / num_types,
        ]
        summary = [described.mean(2), described.amax(2), tokens.centers, torch.stack(numbers, -1)]
        quality = self.judge(torch.cat(summary, -1))[..., 0]
        return PoseEstimate(points, visibility, similarity, quality)

    @staticmethod
    def _choice(at: Tensor, candidates: Candidates, centers: CenterPeaks) -> Tensor:
        """How clear the choice was, [B x C x K x 8]."""
        num_types, last = candidates.chosen.shape[-1], candidates.logits.shape[-1] - 1
        scales = centers.scales[..., None]
        offset = (candidates.points - centers.regressed) / scales[..., None]
        share = candidates.logits.softmax(-1).amax(-1)
        numbers = [
            offset.square().sum(-1).add(1e-12).sqrt(),
            share,
            (share + 1e-4).log(),
            at[..., -num_types - 1 : -1].diagonal(dim1=-2, dim2=-1),
            (candidates.widths / scales).log(),
            (candidates.chosen == last).to(share.dtype),
        ]
        return torch.cat([offset, torch.stack(numbers, -1)], -1)

    def _among_keypoints(self, described: Tensor) -> Tensor:
        """Let the keypoints of a pose see one another."""
        batch, num_centers = described.shape[:2]
        described = described.flatten(0, 1)
        encoding = self.types.weight.expand_as(described)
        every = torch.ones_like(described[..., 0], dtype=torch.bool)
        for layer in self.layers:
            described = layer(described, encoding, every)
        return described.unflatten(0, (batch, num_centers))
