"""Attention of centers to keypoints of the wanted type, with geometry and own candidates."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .geometry import RegressedDistance
from .point_proposals import CenterPeaks, KeypointPeaks
from .point_tokens import PointTokens


class Candidates(NamedTuple):
    """What each center may choose from for each keypoint type, and what it chooses.

    ======== ================= =========================================================
    logits   [B x C x K x R+1] attention; the last candidate is the regressed keypoint
    chosen   [B x C x K]       int64, the candidate with the highest logit
    points   [B x C x K x 2]   its place in cells
    widths   [B x C x K]       how far off the regressed keypoint may be, in cells
    ======== ================= =========================================================
    """

    logits: Tensor
    chosen: Tensor
    points: Tensor
    widths: Tensor


class CandidateAttention(nn.Module):
    """One attention head for each keypoint type (paper, Eq. 7), over the peaks of that type.

    To the product of query and key come the log-odds of the peak, weighted for each type, and the
    logit of :class:`RegressedDistance`.  The keypoint that the center itself regresses is one
    more candidate, so that a pose is complete where nothing is detected.

    Args:
        num_keypoints: K.
        channels: D.
        head_channels: width of each type's head.
        content: compare embeddings; without, distance and log-odds decide (ablation).
        geometry: add the logit of the distance; without, embeddings decide (ablation).
    """

    def __init__(
        self,
        num_keypoints: int,
        channels: int = 64,
        head_channels: int = 32,
        content: bool = True,
        geometry: bool = True,
    ) -> None:
        super().__init__()
        self.num_keypoints = num_keypoints
        self.head_channels = head_channels
        self.content = content
        self.geometry = geometry
        if content:
            self.query = nn.Linear(channels, num_keypoints * head_channels)
            self.key = nn.Linear(channels, num_keypoints * head_channels)
        self.distance = RegressedDistance(num_keypoints, channels)
        self.score_weight = nn.Parameter(torch.full((num_keypoints,), 0.7))
        self.own_bias = nn.Parameter(torch.zeros(num_keypoints))

    def forward(
        self,
        tokens: PointTokens,
        keypoints: KeypointPeaks,
        centers: CenterPeaks,
        own_logits: Tensor,
    ) -> Candidates:
        """Attend and choose.

        Args:
            tokens: embeddings in context.
            keypoints, centers: of the same slots.
            own_logits: log-odds of type k at the regressed keypoint k [B x C x K].
        """
        scales = centers.scales[..., None]
        widths = scales * self.distance.spreads(tokens.centers)
        logits = self.score_weight[:, None] * keypoints.logits[:, None]  # [B x 1 x K x R]
        own = self.score_weight * own_logits + self.own_bias
        if self.geometry:
            logits = logits + self.distance(keypoints.points, centers.regressed, widths)
        if self.content:
            shared, regressed = self._content(tokens)
            logits, own = logits + shared, own + regressed
        logits = logits.expand(-1, own.shape[1], -1, -1)
        logits = logits.masked_fill(~keypoints.valid[:, None], torch.finfo(logits.dtype).min)
        logits = torch.cat([logits, own[..., None]], -1)
        index = logits.argmax(-1)
        points = choose(keypoints.points, centers.regressed, index)
        return Candidates(logits, index, points, widths)

    def _content(self, tokens: PointTokens) -> tuple[Tensor, Tensor]:
        """Products of queries and keys: [B x C x K x R] and, of regressed ones, [B x C x K]."""
        num_types, width = self.num_keypoints, self.head_channels
        query = self.query(tokens.centers + tokens.center_encoding).unflatten(
            -1, (num_types, width)
        )  # [B x C x K x d]
        weight = self.key.weight.view(num_types, width, -1)
        bias = self.key.bias.view(num_types, width)
        # A keypoint needs the key of its own type only.
        key = torch.einsum('bkri,kdi->bkrd', tokens.keypoints + tokens.keypoint_encoding, weight)
        key = key + bias[:, None]
        own = torch.einsum('bcki,kdi->bckd', tokens.regressed + tokens.regressed_encoding, weight)
        scale = width**-0.5
        shared = torch.einsum('bckd,bkrd->bckr', query, key) * scale
        return shared, (query * (own + bias)).sum(-1) * scale


def choose(shared: Tensor, own: Tensor, index: Tensor) -> Tensor:
    """Values of the chosen candidates.

    Args:
        shared: values of the peaks [B x K x R x S].
        own: values of the regressed keypoints [B x C x K x S].
        index: [B x C x K], R for the regressed keypoint.

    Returns:
        [B x C x K x S].
    """
    ranks = shared.shape[2]
    at = index.clamp(max=ranks - 1).transpose(1, 2)[..., None]  # [B x K x C x 1]
    chosen = shared.gather(2, at.expand(-1, -1, -1, shared.shape[-1])).transpose(1, 2)
    return torch.where((index == ranks)[..., None], own, chosen)
