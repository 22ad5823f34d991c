"""Attention from centers to keypoints, one head for each joint type (paper, Section 5.4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...utils.deprecation import renamed_argument
from .embedding import MLP
from .geometry import ExpectedPose, RegressedDistance


class GroupingOutput(NamedTuple):
    """What one grouping module predicts for every center.

    =========== =============== =======================================================
    attention   [B x C x K x M] logits of joint type k over all keypoints, finfo.min
                                where the keypoint is not valid
    soft_points [B x C x K x 2] attention-weighted mean location, input pixels (Eq. 9)
    hard_points [B x C x K x 2] location of the best keypoint, exact ties averaged
    visibility  [B x C x K]     logits
    center      [B x C]         logits of being a person
    =========== =============== =======================================================
    """

    attention: Tensor
    soft_points: Tensor
    hard_points: Tensor
    visibility: Tensor
    center: Tensor


class AttentionGrouping(nn.Module):
    """Assemble a pose around every center by attention over keypoints of *all* types.

    ``same_type_only``, ``visibility`` and ``classify_centers`` are the paper's ablations (Section
    6.2, Tables 1 and 2); ``geometry`` is not in the paper.

    Args:
        num_keypoints: K.
        channels: D.
        head_channels: width of each joint type's attention head.
        mlp_channels: width of the two classification MLPs.
        same_type_only: the head of a joint type sees only the keypoints that were detected as that
            type.
        visibility: what predicts whether a joint is visible: 'attention', an MLP on the center and
            on the keypoints that the joint's head attends to (Eq. 11); 'center', an MLP on the
            center alone; or None, nothing.
        classify_centers: an MLP predicts whether a center is a person.
        geometry: add to the logit of center c, joint type k and keypoint m the one of
            :class:`RegressedDistance`, which falls with the distance of m from the joint k that
            the detector regresses for c, in units of the person's size.

    Raises:
        ValueError: ``visibility`` is none of these.
    """

    @renamed_argument('num_joints', 'num_keypoints')
    def __init__(
        self,
        num_keypoints: int,
        channels: int = 128,
        head_channels: int = 64,
        mlp_channels: int = 128,
        same_type_only: bool = False,
        visibility: str | None = 'attention',
        classify_centers: bool = True,
        geometry: bool = False,
    ) -> None:
        super().__init__()
        if visibility not in ('attention', 'center', None):
            raise ValueError(
                f"visibility must be 'attention', 'center' or None, got {visibility!r}"
            )
        self.same_type_only = same_type_only
        self.visibility = visibility
        self.classify_centers = classify_centers
        self.num_keypoints = num_keypoints
        self.head_channels = head_channels
        self.query = nn.Linear(channels, num_keypoints * head_channels)
        self.key = nn.Linear(channels, num_keypoints * head_channels)
        # A variant has no unused weights, because DDP fails for weights without gradient.
        if visibility == 'attention':
            self.value = nn.Linear(channels, num_keypoints * head_channels)
            self.visibility_mlp = MLP(channels + head_channels, mlp_channels, mlp_channels, 1)
        elif visibility == 'center':
            self.visibility_mlp = MLP(channels, mlp_channels, mlp_channels, num_keypoints)
        if classify_centers:
            self.center_mlp = MLP(channels, mlp_channels, mlp_channels, 1)
        self.distance = RegressedDistance(num_keypoints, channels) if geometry else None

    def _heads(self, x: Tensor) -> Tensor:
        """[B x N x (K d)] -> [B x K x N x d]."""
        return x.unflatten(-1, (self.num_keypoints, self.head_channels)).transpose(1, 2)

    def forward(
        self,
        centers: Tensor,
        keypoints: Tensor,
        center_encoding: Tensor,
        keypoint_encoding: Tensor,
        points: Tensor,
        valid: Tensor,
        expected: ExpectedPose | None = None,
    ) -> GroupingOutput:
        """Attend from centers (queries) to keypoints (keys), Eq. 7 to 11.

        As in the official implementation, the encodings are added to queries and keys but not to
        values, and the logits are divided by the square root of the head's width.

        Args:
            centers: embeddings h_c [B x C x D].
            keypoints: embeddings h_k [B x M x D].
            center_encoding: position and type of the centers [B x C x D].
            keypoint_encoding: position and type of the keypoints [B x M x D].
            points: keypoint locations [B x M x 2] in input pixels.
            valid: keypoints that may be chosen [B x M] bool, at least one in each image.
            expected: where the detector expects the keypoints of the centers; needed with
                ``geometry``.

        Returns:
            GroupingOutput; attention, locations and logits are float32.  Logits that are not
            predicted are zero.

        Raises:
            ValueError: ``geometry`` is on and ``expected`` is missing.
        """
        query = self._heads(self.query(centers + center_encoding))  # [B x K x C x d]
        key = self._heads(self.key(keypoints + keypoint_encoding))  # [B x K x M x d]
        logits = (query @ key.transpose(-1, -2)).float() / self.head_channels**0.5
        if self.distance is not None:
            if expected is None:
                raise ValueError(
                    'geometry=True needs a detector that regresses keypoints and sizes at centers'
                )
            distance = self.distance_logits(centers, points, expected)
            logits = logits + distance.transpose(1, 2)  # [B x K x C x M]
        seen = self._own_type(valid) if self.same_type_only else valid[:, None]  # [B x K or 1 x M]
        logits = logits.masked_fill(~seen[:, :, None], torch.finfo(torch.float32).min)
        weights = logits.softmax(-1)  # [B x K x C x M]

        points = points.float()
        with torch.autocast(points.device.type, enabled=False):
            soft = torch.einsum('bkcm,bmi->bcki', weights, points)
            best = (logits == logits.amax(-1, keepdim=True)).float()
            hard = torch.einsum('bkcm,bmi->bcki', best, points)
            hard = hard / best.sum(-1).transpose(1, 2)[..., None]

        visibility = self._visibility(centers, keypoints, weights)
        center = centers.new_zeros(centers.shape[:2])
        if self.classify_centers:
            center = self.center_mlp(centers)[..., 0]
        return GroupingOutput(
            logits.transpose(1, 2), soft, hard, visibility.float(), center.float()
        )

    def distance_logits(self, centers: Tensor, points: Tensor, expected: ExpectedPose) -> Tensor:
        """The summand of the logits that ``geometry`` adds; arguments as of :meth:`forward`.

        Returns:
            [B x C x K x M].
        """
        assert self.distance is not None
        widths = expected.scales[..., None] * self.distance.spreads(centers.float())
        return self.distance(points.float()[:, None], expected.points, widths)

    def _own_type(self, valid: Tensor) -> Tensor:
        """The keypoints that the head of each joint type sees with ``same_type_only``.

        Slots are sorted by type. If a type has no valid keypoint, its head sees all keypoints of
        the type, as in an image without any valid keypoint.

        Args:
            valid: [B x M].

        Returns:
            [B x K x M] bool.
        """
        types = torch.arange(self.num_keypoints, device=valid.device)
        of_slot = types.repeat_interleave(valid.shape[1] // self.num_keypoints)
        own = types[:, None] == of_slot  # [K x M]
        seen = own & valid[:, None]
        return seen | (own & ~seen.any(-1, keepdim=True))

    def _visibility(self, centers: Tensor, keypoints: Tensor, weights: Tensor) -> Tensor:
        """Logits of joints being visible.

        Args:
            centers, keypoints: embeddings [B x C x D] and [B x M x D].
            weights: attention [B x K x C x M].

        Returns:
            [B x C x K].
        """
        if self.visibility is None:
            return centers.new_zeros((*centers.shape[:2], self.num_keypoints))
        if self.visibility == 'center':
            return self.visibility_mlp(centers)
        value = self._heads(self.value(keypoints))
        attended = (weights.to(value.dtype) @ value).transpose(1, 2)  # [B x C x K x d]
        center = centers[:, :, None].expand(-1, -1, self.num_keypoints, -1).to(attended.dtype)
        return self.visibility_mlp(torch.cat([center, attended], dim=-1))[..., 0]
