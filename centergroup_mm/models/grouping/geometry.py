"""Geometry in the attention: how far a keypoint is from where its center expects it.

The paper's attention compares embeddings alone.  A detector whose centers regress the keypoints
of their person says much more cheaply which keypoints can belong to it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class RegressedDistance(nn.Module):
    """A logit that falls with the distance of a keypoint from the regressed one.

    For center c, keypoint type k and keypoint m::

        g(c, k, m) = -a_k log(1 + |p_m - r_ck|^2 / (s_c u_ck)^2),   u_ck = b_k exp(w_k . h_c)

    with the place p_m of the keypoint, the regressed place r_ck, the size s_c of the person and
    the embedding h_c of the center.  It is the log-likelihood of Student's t distribution, up to
    a constant: near the regressed place it acts as a Gaussian, and far away it forgives what a
    Gaussian would rule out, because regressed keypoints of outstretched limbs are far off.  The
    center says by u_ck how sure it is of each keypoint.

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
            points: keypoints of each type [B x K x R x 2] in cells.
            regressed: [B x C x K x 2] in cells.
            widths: s_c u_ck [B x C x K] in cells.

        Returns:
            [B x C x K x R].
        """
        # Coordinate by coordinate: a sum over an axis of two is slow.
        x, y = points[:, None].unbind(-1)
        at_x, at_y = regressed[..., None, :].unbind(-1)
        inverse = 1 / widths[..., None]
        square = ((x - at_x) * inverse) ** 2 + ((y - at_y) * inverse) ** 2
        return -self.weight[:, None] * torch.log1p(square)
