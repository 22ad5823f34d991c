"""CenterGroup on the proposals of a detector that regresses keypoints."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from .candidate_attention import CandidateAttention, Candidates
from .point_proposals import CenterPeaks, KeypointPeaks
from .point_tokens import PointEmbedding, PointFeatures
from .pose_head import PoseEstimate, PoseHead


class PointGroupingOutput(NamedTuple):
    """Candidates with their attention, and the poses that were made of them."""

    candidates: Candidates
    poses: PoseEstimate


class PointGrouping(nn.Module):
    """Embedding, attention and pose head; everything behind the detector that is learned.

    Args:
        embedding, attention, pose: arguments of :class:`PointEmbedding`,
            :class:`CandidateAttention` and :class:`PoseHead` beyond those below.
        in_channels: S, sampled channels; the last K + 1 are the log-odds of the heatmaps.
        num_keypoints: K.
        channels: D.
    """

    def __init__(
        self,
        in_channels: int = 162,
        num_keypoints: int = 17,
        channels: int = 64,
        embedding: dict | None = None,
        attention: dict | None = None,
        pose: dict | None = None,
    ) -> None:
        super().__init__()
        self.num_keypoints = num_keypoints
        self.embedding = PointEmbedding(in_channels, num_keypoints, channels, **(embedding or {}))
        self.attention = CandidateAttention(num_keypoints, channels, **(attention or {}))
        self.pose = PoseHead(in_channels, num_keypoints, channels, **(pose or {}))

    def forward(
        self, features: PointFeatures, keypoints: KeypointPeaks, centers: CenterPeaks
    ) -> PointGroupingOutput:
        """Poses of all centers.

        Args:
            features: sampled at the proposals, not standardized.
            keypoints, centers: the proposals.
        """
        own_logits = self._own_logits(features.regressed)
        features = self.embedding.standardize(features)
        tokens = self.embedding(features, keypoints, centers, own_logits)
        candidates = self.attention(tokens, keypoints, centers, own_logits)
        return PointGroupingOutput(candidates, self.pose(features, tokens, candidates, centers))

    def _own_logits(self, regressed: Tensor) -> Tensor:
        """Log-odds of type k at keypoint k: [B x C x K x S] -> [B x C x K]."""
        return regressed[..., -self.num_keypoints - 1 : -1].diagonal(dim1=-2, dim2=-1)
