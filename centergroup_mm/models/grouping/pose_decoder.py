"""From centers to poses in rounds of expecting, choosing and comparing keypoints."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .candidate_attention import CandidateAttention, Candidates, choose
from .embedding import MLP
from .encoder import EncoderLayer
from .point_proposals import CenterPeaks, KeypointPeaks
from .point_tokens import PointFeatures, PointTokens


class PoseEstimate(NamedTuple):
    """One pose for each center; logits are before the sigmoid.

    ========== ================= =======================================================
    rounds     T of Candidates   what was chosen in each round
    points     [B x C x K x 2]   refined places in cells
    visibility [B x C x K]       logit of the keypoint being labeled
    similarity [B x C x K]       logit of the keypoint's OKS
    quality    [B x C]           logit of the pose's score
    ========== ================= =======================================================
    """

    rounds: list[Candidates]
    points: Tensor
    visibility: Tensor
    similarity: Tensor
    quality: Tensor


class DecoderRound(nn.Module):
    """Choose the keypoints of every center, read their features and let them attend to one another.

    Args:
        in_channels: S, sampled channels.
        num_keypoints: K.
        channels: D of the tokens.
        pose_channels: E, width of what is known of each keypoint.
        num_layers: encoder layers among the keypoints of a pose.
        attention: further arguments of ``CandidateAttention``.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        channels: int,
        pose_channels: int,
        num_layers: int,
        attention: dict | None = None,
    ) -> None:
        super().__init__()
        self.attention = CandidateAttention(
            num_keypoints, channels, pose_channels, **(attention or {})
        )
        self.from_features = nn.Linear(in_channels, pose_channels)
        self.from_token = nn.Linear(channels, pose_channels)
        self.from_choice = nn.Linear(8, pose_channels)
        self.mlp = MLP(pose_channels, pose_channels, pose_channels)
        self.layers = nn.ModuleList(
            EncoderLayer(pose_channels, 4, 2 * pose_channels, 0.0) for _ in range(num_layers)
        )

    def forward(
        self,
        known: Tensor,
        types: Tensor,
        features: PointFeatures,
        tokens: PointTokens,
        keypoints: KeypointPeaks,
        centers: CenterPeaks,
        expected: Tensor,
        widths: Tensor,
        own_logits: Tensor,
    ) -> tuple[Tensor, Candidates]:
        """Update what is known of the keypoints of every center.

        Args:
            known: [B x C x K x E].
            types: embeddings of the keypoint types [K x E].
            features: standardized.
            tokens, keypoints, centers: of the same slots.
            expected, widths, own_logits: see ``CandidateAttention``.

        Returns:
            known [B x C x K x E] and what was chosen.
        """
        choice = self.attention(known, tokens, keypoints, expected, widths, own_logits)
        at = choose(features.keypoints, features.regressed, choice.chosen)  # [B x C x K x S]
        token = choose(tokens.keypoints, tokens.regressed, choice.chosen)
        seen = self.from_features(at) + self.from_token(token)
        seen = seen + self.from_choice(_choice(at, choice, centers, widths))
        known = self.mlp(F.relu(known + seen))
        shape = known.shape
        known = known.flatten(0, 1)
        every = torch.ones_like(known[..., 0], dtype=torch.bool)
        for layer in self.layers:
            known = layer(known, types.expand_as(known), every)
        return known.view(shape), choice


def _choice(at: Tensor, choice: Candidates, centers: CenterPeaks, widths: Tensor) -> Tensor:
    """Numbers that describe a choice and how clear it was, [B x C x K x 8].

    Args:
        at: features of the chosen candidates [B x C x K x S].
        choice, centers: of the same slots.
        widths: [B x C x K] in cells.
    """
    num_types, last = choice.chosen.shape[-1], choice.logits.shape[-1] - 1
    scales = centers.scales[..., None]
    offset = (choice.points - choice.own) / scales[..., None]
    share = choice.logits.softmax(-1).amax(-1)
    numbers = [
        offset.square().sum(-1).add(1e-12).sqrt(),
        share,
        (share + 1e-4).log(),
        at[..., -num_types - 1 : -1].diagonal(dim1=-2, dim2=-1),
        (widths / scales).log(),
        (choice.chosen == last).to(share.dtype),
    ]
    return torch.cat([offset, torch.stack(numbers, -1)], -1)


class PoseDecoder(nn.Module):
    """Rounds of choosing, then refinement and quality of the pose of every center.

    In the first round a center expects its keypoints where the detector regresses them.  When all
    keypoints are chosen, they attend to one another, and the next round predicts the expected
    places from all of them. The final state of each keypoint gives a small shift, its visibility
    and its similarity, and the states of a whole pose give its quality, which ranks the poses.

    Args:
        in_channels: S, sampled channels.
        num_keypoints: K.
        channels: D of the tokens.
        pose_channels: E, width of what is known of each keypoint.
        num_rounds: T.
        num_layers: encoder layers among the keypoints of a pose, in each round.
        attention: further arguments of ``CandidateAttention``.
        refine: move the chosen keypoints.
        shift_unit: shifts are predicted in this share of the person's size.
        width: initial width of the distance logit, as a share of the person's size.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        channels: int = 64,
        pose_channels: int = 48,
        num_rounds: int = 2,
        num_layers: int = 1,
        attention: dict | None = None,
        refine: bool = True,
        shift_unit: float = 0.1,
        width: float = 0.08,
    ) -> None:
        super().__init__()
        self.refine = refine
        self.shift_unit = shift_unit
        self.types = nn.Embedding(num_keypoints, pose_channels)
        self.from_center = nn.Linear(channels, pose_channels)
        self.from_expected = nn.Linear(3, pose_channels)
        self.log_width = nn.Parameter(torch.full((num_rounds, num_keypoints), math.log(width)))
        # Shift of the expected place and factor of its width, before each round.
        self.expect = nn.ModuleList(nn.Linear(pose_channels, 3) for _ in range(num_rounds))
        self.rounds = nn.ModuleList(
            DecoderRound(in_channels, num_keypoints, channels, pose_channels, num_layers, attention)
            for _ in range(num_rounds)
        )
        self.predict = nn.Linear(pose_channels, 4)
        self.judge = MLP(2 * pose_channels + channels + 4, 64, 64, 1)
        for layer in (*self.expect, self.predict):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        features: PointFeatures,
        tokens: PointTokens,
        keypoints: KeypointPeaks,
        centers: CenterPeaks,
        own_logits: Tensor,
    ) -> PoseEstimate:
        """Poses of all centers; arguments as of :class:`DecoderRound`."""
        scales = centers.scales[..., None]  # [B x C x 1]
        context = (tokens.centers + tokens.center_encoding)[:, :, None]
        expected, rounds = centers.regressed, []
        relative = (expected - centers.cells[:, :, None]) / scales[..., None]
        known = self.types.weight + self.from_center(context)
        known = known + self.from_expected(torch.cat([relative, own_logits[..., None]], -1))
        for log_width, expect, step in zip(self.log_width, self.expect, self.rounds, strict=True):
            change = expect(known)
            expected = expected + change[..., :2] * (self.shift_unit * scales[..., None])
            widths = scales * (log_width + change[..., 2].clamp(-2, 2)).exp()
            known, choice = step(
                known,
                self.types.weight,
                features,
                tokens,
                keypoints,
                centers,
                expected,
                widths,
                own_logits,
            )
            rounds.append(choice)
        shift, visibility, similarity = self.predict(F.relu(known)).split([2, 1, 1], -1)
        visibility, similarity = visibility[..., 0], similarity[..., 0]
        points = rounds[-1].points
        if self.refine:
            points = points + shift * (self.shift_unit * scales[..., None])
        quality = self._judge(known, tokens.centers, visibility, similarity, centers)
        return PoseEstimate(rounds, points, visibility, similarity, quality)

    def _judge(
        self,
        known: Tensor,
        context: Tensor,
        visibility: Tensor,
        similarity: Tensor,
        centers: CenterPeaks,
    ) -> Tensor:
        """Quality of every pose, [B x C]."""
        likely = similarity.sigmoid()
        numbers = [
            centers.logits,
            centers.scales.log(),
            likely.mean(-1),
            (likely * visibility.sigmoid()).mean(-1),
        ]
        summary = [known.mean(2), known.amax(2), context, torch.stack(numbers, -1)]
        return self.judge(torch.cat(summary, -1))[..., 0]
