"""Sine encoding of positions, computed at the points (paper, Section 5.3; DETR's encoding)."""

from __future__ import annotations

import torch
from torch import Tensor

from .sampling import bilinear_corners

# The first sine that a process computes in several threads is sometimes off by 1e-4 in all but one
# of them (seen with torch 2.13 and its MKL). Computing the sine of one number, which takes one
# thread, avoids this.
torch.zeros(1, device='cpu').sin()


def sine_encoding_at(
    mask: Tensor,
    points: Tensor,
    size: tuple[int, int],
    channels: int = 128,
    temperature: float = 10000.0,
) -> Tensor:
    """Two-dimensional sine encoding of the position inside the image.

    Positions are counted in valid cells of the 1/4 map. They are 1 in the first row or column of
    the image, 0 before it, and keep their maximum after it, so that padding does not change them.
    The first half of the channels encodes y, the second half x, with sine and cosine alternating.
    As in the official implementation, the *encodings* of the four neighboring cells are
    interpolated, not the positions.

    Args:
        mask: [B x h x w], 1 on the image and 0 in the padding.
        points: [B x P x 2] (x, y) in whole pixels of the network input.
        size: (H, W) of the network input.
        channels: D, divisible by 4.
        temperature: base of the geometric series of wavelengths.

    Returns:
        [B x P x D], float32.
    """
    half = channels // 2
    mask = mask.float()
    index, weight = bilinear_corners(points, size, (mask.shape[-2], mask.shape[-1]))
    batch, num_points = index.shape[:2]
    power = torch.arange(half // 2, device=mask.device, dtype=torch.float32) * (2 / half)
    wavelength = temperature**power  # [D/4]
    encodings = []
    for dim in (1, 2):  # y first, then x
        counted = mask.cumsum(dim).flatten(1)  # [B x hw]
        place = counted.gather(1, index.flatten(1)).view(batch, num_points, 4)
        phase = place[..., None] / wavelength  # [B x P x 4 x D/4]
        pair = torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(3)  # [B x P x 4 x D/2]
        encodings.append((pair * weight[..., None]).sum(2))
    return torch.cat(encodings, dim=-1)
