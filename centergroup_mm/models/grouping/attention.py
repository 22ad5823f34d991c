"""Attention from centers to keypoints: one head for every joint type (paper, Section 5.4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .embedding import MLP


class GroupingOutput(NamedTuple):
    """What one grouping module says of every center.

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

    Args:
        num_joints: K.
        channels: D.
        head_channels: width of each joint type's attention head.
        mlp_channels: width of the two classification MLPs.
    """

    def __init__(
        self,
        num_joints: int,
        channels: int = 128,
        head_channels: int = 64,
        mlp_channels: int = 128,
    ) -> None:
        super().__init__()
        self.num_joints = num_joints
        self.head_channels = head_channels
        self.query = nn.Linear(channels, num_joints * head_channels)
        self.key = nn.Linear(channels, num_joints * head_channels)
        self.value = nn.Linear(channels, num_joints * head_channels)
        self.visibility_mlp = MLP(channels + head_channels, mlp_channels, mlp_channels, 1)
        self.center_mlp = MLP(channels, mlp_channels, mlp_channels, 1)

    def _heads(self, x: Tensor) -> Tensor:
        """[B x N x (K d)] -> [B x K x N x d]."""
        return x.unflatten(-1, (self.num_joints, self.head_channels)).transpose(1, 2)

    def forward(
        self,
        centers: Tensor,
        keypoints: Tensor,
        center_encoding: Tensor,
        keypoint_encoding: Tensor,
        points: Tensor,
        valid: Tensor,
    ) -> GroupingOutput:
        """Attend from centers (queries) to keypoints (keys), Eq. 7 to 11.

        As in the authors' program the encodings join queries and keys but not values, and the
        logits are divided by the square root of the head's width.

        Args:
            centers: embeddings h_c [B x C x D].
            keypoints: embeddings h_k [B x M x D].
            center_encoding: position and type of the centers [B x C x D].
            keypoint_encoding: position and type of the keypoints [B x M x D].
            points: keypoint locations [B x M x 2] in input pixels.
            valid: keypoints that may be chosen [B x M] bool, at least one in each image.

        Returns:
            GroupingOutput; attention, locations and logits are float32.
        """
        query = self._heads(self.query(centers + center_encoding))  # [B x K x C x d]
        key = self._heads(self.key(keypoints + keypoint_encoding))  # [B x K x M x d]
        value = self._heads(self.value(keypoints))
        logits = (query @ key.transpose(-1, -2)).float() / self.head_channels**0.5
        logits = logits.masked_fill(~valid[:, None, None], torch.finfo(torch.float32).min)
        weights = logits.softmax(-1)  # [B x K x C x M]

        points = points.float()
        with torch.autocast(points.device.type, enabled=False):
            soft = torch.einsum('bkcm,bmi->bcki', weights, points)
            best = (logits == logits.amax(-1, keepdim=True)).float()
            hard = torch.einsum('bkcm,bmi->bcki', best, points)
            hard = hard / best.sum(-1).transpose(1, 2)[..., None]

        attended = (weights.to(value.dtype) @ value).transpose(1, 2)  # [B x C x K x d]
        center = centers[:, :, None].expand(-1, -1, self.num_joints, -1).to(attended.dtype)
        visibility = self.visibility_mlp(torch.cat([center, attended], dim=-1))[..., 0]
        return GroupingOutput(
            logits.transpose(1, 2),
            soft,
            hard,
            visibility.float(),
            self.center_mlp(centers)[..., 0].float(),
        )
