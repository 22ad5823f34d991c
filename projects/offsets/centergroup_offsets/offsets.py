"""Offset maps as tensors: reading them at centers, mirroring, matching.  Pure torch.

Axis letters: B images, C centers, K joint types, R keypoint proposals of a type, [H, W] the
network input in pixels, [h, w] the cells of a map.

A *place* is (x, y) in pixels of the network input with pixel i covering i to i + 1, as
annotations and poses have it; a *point* of ``centergroup_mm`` is a whole pixel, whose middle is
half a pixel further.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from centergroup_mm.models.grouping import Proposals, mirror_heatmaps, sample_at


class Matches(NamedTuple):
    """For every joint of every pose the detected keypoint that is closest.

    ======= =============== ==================================================
    points  [B x C x K x 2] (x, y), whole pixels of the network input
    scores  [B x C x K]     heatmap value of the keypoint
    matched [B x C x K]     bool, False where no keypoint is close enough
    ======= =============== ==================================================
    """

    points: Tensor
    scores: Tensor
    matched: Tensor


def read_offsets(maps: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    """Offsets from centers to all joints.

    CenterNet reads the one cell that holds the center; here the map is interpolated between
    cells, as CenterGroup reads its features, in training and at test alike.

    Args:
        maps: offsets in input pixels [B x K x 2 x h x w], (x, y) along the third axis.
        places: centers [B x C x 2].
        size: (H, W) of the network input.

    Returns:
        [B x C x K x 2] in input pixels, float32.
    """
    values = sample_at(maps.flatten(1, 2), places - 0.5, size)  # [B x C x 2K]
    return values.unflatten(-1, (-1, 2))


def mirror_offsets(maps: Tensor, flip_indices: Tensor) -> Tensor:
    """Map offset maps of the mirrored image back to the original one.

    The map is mirrored, left and right joints change places, and what pointed left points
    right.

    Args:
        maps: [B x K x 2 x h x w].
        flip_indices: [K] int64, the mirror joint of every joint.
    """
    sign = maps.new_tensor([-1, 1])[:, None, None]
    return mirror_heatmaps(maps, flip_indices) * sign


def match_keypoints(
    regressed: Tensor, keypoints: Proposals, max_shift: float | None = None
) -> Matches:
    """Find the closest detected keypoint of its type for every regressed joint.

    Several poses may take the same keypoint, as in CenterNet.

    Args:
        regressed: places [B x C x K x 2].
        keypoints: detected keypoints [B x K x R ...]; only valid ones are matched.
        max_shift: furthest a keypoint may be, as a share of the longer side of the box around
            the regressed joints of the pose; None: any distance.

    Returns:
        Matches [B x C x K ...].
    """
    middles = keypoints.points.to(regressed.dtype) + 0.5  # [B x K x R x 2]
    square = (regressed[:, :, :, None] - middles[:, None]).square().sum(-1)  # [B x C x K x R]
    far = torch.finfo(square.dtype).max
    square = torch.where(keypoints.valid[:, None], square, far)
    closest, slot = square.min(-1)  # [B x C x K]
    matched = closest < far
    if max_shift is not None:
        longer = (regressed.amax(2) - regressed.amin(2)).amax(-1)  # [B x C]
        matched = matched & (closest <= (max_shift * longer).square()[..., None])
    slot = slot.transpose(1, 2)  # [B x K x C]
    points = keypoints.points.gather(2, slot[..., None].expand(-1, -1, -1, 2))
    scores = keypoints.scores.gather(2, slot)
    return Matches(points.transpose(1, 2), scores.transpose(1, 2), matched)
