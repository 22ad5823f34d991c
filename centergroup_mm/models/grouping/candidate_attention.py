"""Attention of centers to keypoints of each type, with geometry and own candidates."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .geometry import distance_logits
from .point_proposals import KeypointPeaks
from .point_tokens import PointTokens


class Candidates(NamedTuple):
    """The candidates of each center for each keypoint type, and its choice.

    ======== ================= =========================================================
    logits   [B x C x K x R+1] attention; the last candidate is the expected keypoint
    chosen   [B x C x K]       int64, the candidate with the highest logit
    own      [B x C x K x 2]   place of the last candidate in cells
    points   [B x C x K x 2]   place of the chosen one
    ======== ================= =========================================================
    """

    logits: Tensor
    chosen: Tensor
    own: Tensor
    points: Tensor


class CandidateAttention(nn.Module):
    """One attention head for each keypoint type (paper, Eq. 7), over the peaks of that type.

    The logit is the sum of the product of query and key, of the log-odds of the peak, weighted for
    each type, and of a term that falls with the distance of the peak from where the keypoint is
    expected, see :func:`~centergroup_mm.models.grouping.geometry.distance_logits`.  The expected
    place itself is one more candidate, so that a pose is complete even if nothing is detected.

    Args:
        num_keypoints: K.
        channels: D of the tokens.
        query_channels: E of the queries.
        head_channels: width of each type's head.
        content: compare embeddings; False uses distance and log-odds only (ablation).
        geometry: add the term of the distance; False leaves it out (ablation).
    """

    def __init__(
        self,
        num_keypoints: int,
        channels: int,
        query_channels: int,
        head_channels: int = 32,
        content: bool = True,
        geometry: bool = True,
    ) -> None:
        super().__init__()
        self.content = content
        self.geometry = geometry
        self.scale = head_channels**-0.5
        if content:
            self.query = nn.Parameter(torch.empty(num_keypoints, head_channels, query_channels))
            self.key = nn.Parameter(torch.empty(num_keypoints, head_channels, channels))
            for weight in (self.query, self.key):
                nn.init.xavier_uniform_(weight.view(-1, weight.shape[-1]))
        self.distance_weight = nn.Parameter(torch.full((num_keypoints,), 2.0))
        self.score_weight = nn.Parameter(torch.full((num_keypoints,), 0.7))
        self.own_bias = nn.Parameter(torch.zeros(num_keypoints))

    def forward(
        self,
        queries: Tensor,
        tokens: PointTokens,
        keypoints: KeypointPeaks,
        expected: Tensor,
        widths: Tensor,
        own_logits: Tensor,
    ) -> Candidates:
        """Attend and choose.

        Args:
            queries: state of each keypoint of each center [B x C x K x E].
            tokens: embeddings in context.
            keypoints: of the same slots.
            expected: where the keypoints of each center should be [B x C x K x 2] in cells.
            widths: expected distance from there [B x C x K] in cells.
            own_logits: log-odds of type k at the regressed keypoint k [B x C x K].
        """
        terms = self.terms(queries, tokens, keypoints, expected, widths, own_logits)
        logits, own = (reduce(add, part) for part in zip(*terms.values(), strict=True))
        logits = logits.expand(-1, own.shape[1], -1, -1)
        logits = logits.masked_fill(~keypoints.valid[:, None], torch.finfo(logits.dtype).min)
        logits = torch.cat([logits, own[..., None]], -1)
        index = logits.argmax(-1)
        return Candidates(logits, index, expected, choose(keypoints.points, expected, index))

    def terms(
        self,
        queries: Tensor,
        tokens: PointTokens,
        keypoints: KeypointPeaks,
        expected: Tensor,
        widths: Tensor,
        own_logits: Tensor,
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """The summands of the logits; arguments as of :meth:`forward`.

        Returns:
            by name, 'detection' (log-odds), 'geometry' (distance) and 'appearance' (embeddings):
            those of the peaks [B x C or 1 x K x R] and of the expected keypoint [B x C x K].
        """
        peaks = self.score_weight[:, None] * keypoints.logits[:, None]  # [B x 1 x K x R]
        terms = {'detection': (peaks, self.score_weight * own_logits + self.own_bias)}
        if self.geometry:
            distance = distance_logits(keypoints.points, expected, widths)
            near = self.distance_weight[:, None] * distance
            terms['geometry'] = (near, torch.zeros_like(own_logits))
        if self.content:
            terms['appearance'] = self._content(queries, tokens)
        return terms

    def _content(self, queries: Tensor, tokens: PointTokens) -> tuple[Tensor, Tensor]:
        """Products of queries and keys: [B x C x K x R] and, of regressed ones, [B x C x K]."""
        query = torch.einsum('bcki,kdi->bckd', queries, self.query) * self.scale
        # A keypoint needs the key of its own type only.
        key = torch.einsum('bkri,kdi->bkrd', tokens.keypoints + tokens.keypoint_encoding, self.key)
        own = torch.einsum('bcki,kdi->bckd', tokens.regressed + tokens.regressed_encoding, self.key)
        return torch.einsum('bckd,bkrd->bckr', query, key), (query * own).sum(-1)


def choose(shared: Tensor, own: Tensor, index: Tensor) -> Tensor:
    """Values of the chosen candidates.

    Args:
        shared: values of the peaks [B x K x R x S].
        own: values of the last candidate [B x C x K x S].
        index: [B x C x K], R for the last candidate.

    Returns:
        [B x C x K x S].
    """
    ranks = shared.shape[2]
    at = index.clamp(max=ranks - 1).transpose(1, 2)[..., None]  # [B x K x C x 1]
    chosen = shared.gather(2, at.expand(-1, -1, -1, shared.shape[-1])).transpose(1, 2)
    return torch.where((index == ranks)[..., None], own, chosen)
