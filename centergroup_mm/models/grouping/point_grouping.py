"""CenterGroup on the proposals of a detector that regresses keypoints."""

from __future__ import annotations

from torch import nn

from .point_proposals import CenterPeaks, KeypointPeaks
from .point_tokens import PointEmbedding, PointFeatures
from .pose_decoder import PoseDecoder, PoseEstimate


class PointGrouping(nn.Module):
    """Embedding in context and pose decoder: everything after the detector that is trained.

    Args:
        in_channels: S, sampled channels; the last K + 1 are the log-odds of the heatmaps.
        num_keypoints: K.
        channels: D.
        embedding, decoder: further arguments of :class:`PointEmbedding` and
            :class:`PoseDecoder`.
    """

    def __init__(
        self,
        in_channels: int = 162,
        num_keypoints: int = 17,
        channels: int = 64,
        embedding: dict | None = None,
        decoder: dict | None = None,
    ) -> None:
        super().__init__()
        self.num_keypoints = num_keypoints
        self.embedding = PointEmbedding(in_channels, num_keypoints, channels, **(embedding or {}))
        self.decoder = PoseDecoder(in_channels, num_keypoints, channels, **(decoder or {}))

    def forward(
        self, features: PointFeatures, keypoints: KeypointPeaks, centers: CenterPeaks
    ) -> PoseEstimate:
        """Poses of all centers.

        Args:
            features: sampled at the proposals, not standardized.
            keypoints, centers: the proposals.
        """
        # log-odds of type k at the regressed keypoint k
        at_regressed = features.regressed[..., -self.num_keypoints - 1 : -1]
        own_logits = at_regressed.diagonal(dim1=-2, dim2=-1)  # [B x C x K]
        features = self.embedding.standardize(features)
        tokens = self.embedding(features, keypoints, centers, own_logits)
        return self.decoder(features, tokens, keypoints, centers, own_logits)
