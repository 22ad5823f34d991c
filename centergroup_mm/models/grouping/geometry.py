"""Geometry in the attention: how far a keypoint is from where its center expects it.

The paper's attention compares embeddings only. If a detector regresses the keypoints of a person at
its center, their distances are a cheap and strong cue for which keypoints belong to it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class ExpectedPose(NamedTuple):
    """Where the detector expects the keypoints of each center.

    ====== =============== =============================================================
    points [B x C x K x 2] (x, y) in pixels of the network input
    scales [B x C]         size of the person, the square root of its box's area, in pixels
    ====== =============== =============================================================
    """

    points: Tensor
    scales: Tensor


def read_expected(joints: Tensor, sizes: Tensor, centers: Tensor, stride: int) -> ExpectedPose:
    """Read what a detector regresses at centers.

    Args:
        joints: [B x K x 2 x h x w] (x, y) from the integer cell of a center to the keypoints of
            its person, in cells.
        sizes: [B x 2 x h x w] width and height of the person, in cells.
        centers: [B x C x 2] (x, y) in pixels of the network input.
        stride: pixels of a cell.
    """
    height, width = joints.shape[-2:]
    x, y = (centers / stride).floor().long().unbind(-1)  # [B x C]
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    index = (y * width + x)[:, None]  # [B x 1 x C]
    maps = torch.cat([joints.flatten(1, 2), sizes], 1).float().flatten(2)
    values = maps.gather(2, index.expand(-1, maps.shape[1], -1)).transpose(1, 2)
    regressed = values[..., :-2].unflatten(-1, (-1, 2))  # [B x C x K x 2]
    cell = torch.stack([x, y], dim=-1)[:, :, None].to(regressed.dtype)
    # Boxes have at least 2 x 2 cells, so that distances can be divided by their size.
    scales = values[..., -2:].clamp(min=2).prod(-1).sqrt()
    return ExpectedPose((cell + regressed) * stride, scales * stride)


def distance_logits(points: Tensor, expected: Tensor, widths: Tensor) -> Tensor:
    """A logit that falls with the distance of a keypoint from the expected one.

    For center c, keypoint type k and keypoint m it is ``-log(1 + |p_m - r_ck|^2 / u_ck^2)`` with
    the place p_m of the keypoint, the expected place r_ck and a width u_ck.

    Args:
        points: p, keypoints of each type [B x K x R x 2], or of all types [B x 1 x M x 2].
        expected: r [B x C x K x 2] in the same unit, cells or pixels.
        widths: u [B x C x K] in that unit.

    Returns:
        [B x C x K x R] (or M).
    """
    # Coordinate by coordinate: a sum over an axis of two is slow.
    x, y = points[:, None].unbind(-1)
    at_x, at_y = expected[..., None, :].unbind(-1)
    inverse = 1 / widths[..., None]
    return -torch.log1p(((x - at_x) * inverse) ** 2 + ((y - at_y) * inverse) ** 2)


class RegressedDistance(nn.Module):
    """A logit that falls with the distance of a keypoint from the regressed one.

    For center c, keypoint type k and keypoint m::

        g(c, k, m) = -a_k log(1 + |p_m - r_ck|^2 / (s_c u_ck)^2),   u_ck = b_k exp(w_k . h_c)

    with the place p_m of the keypoint, the regressed place r_ck, the size s_c of the person and
    the embedding h_c of the center.  Up to a constant, it is the log-likelihood of Student's t
    distribution. Near the regressed place it is like that of a Gaussian. Far away it falls more
    slowly, because the regressed keypoints of outstretched limbs are often far off. With u_ck, each
    center predicts how precise its regressed keypoints are.

    Args:
        num_keypoints: K.
        channels: D of the embeddings.
        spread: initial b_k, in units of the person's size.
        weight: initial a_k.
    """

    def __init__(
        self, num_keypoints: int, channels: int, spread: float = 0.08, weight: float = 2.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((num_keypoints,), weight))
        self.log_spread = nn.Parameter(torch.full((num_keypoints,), math.log(spread)))
        self.doubt = nn.Linear(channels, num_keypoints)
        nn.init.zeros_(self.doubt.weight)
        nn.init.zeros_(self.doubt.bias)

    def spreads(self, centers: Tensor) -> Tensor:
        """u_ck: embeddings [B x C x D] -> [B x C x K], in units of the person's size."""
        return (self.log_spread + self.doubt(centers).clamp(-2, 2)).exp()

    def forward(self, points: Tensor, regressed: Tensor, widths: Tensor) -> Tensor:
        """Logits of all pairs.

        Args:
            points: keypoints of each type [B x K x R x 2], or of all types [B x 1 x M x 2].
            regressed: [B x C x K x 2] in the same unit, cells or pixels.
            widths: s_c u_ck [B x C x K] in that unit.

        Returns:
            [B x C x K x R] (or M).
        """
        return self.weight[:, None] * distance_logits(points, regressed, widths)
