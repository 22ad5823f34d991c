"""One-shot grouping: the joints that a center regresses are moved to detected ones.

The baseline of the paper's Table 1, row 1, as MoveNet MultiPose decodes its maps.  Axis letters:
B images, P poses, K joint types, h and w the size of the maps, whose cells have 4 input pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .proposals import rank_values, window_maximum

#: constants of the released graph, which are half-precision numbers
PEAK_TOLERANCE = 1.01e-6
DISTANCE_SCALE = 0.300048828125
SCORE_THR = 0.126953125


class MoveNetMaps(NamedTuple):
    """Raw outputs of MoveNet's six heads: pairs are (y, x), positions in cells.

    =========== ================ =====================================================
    center      [B x 1 x h x w]  logits of person centers
    box_scale   [B x 2 x h x w]  (h, w) of the box of a person whose center the cell is
    box_offset  [B x 2 x h x w]  (y, x) from the cell to the middle of that box
    kpt_heatmap [B x K x h x w]  logits of joints
    kpt_regress [B x 2K x h x w] (y, x) from the cell of a center to the person's joints
    kpt_offset  [B x 2K x h x w] (y, x) from the cell of a joint to the joint itself
    =========== ================ =====================================================

    Channels 2k and 2k + 1 of the last two are y and x of joint k.
    """

    center: Tensor
    box_scale: Tensor
    box_offset: Tensor
    kpt_heatmap: Tensor
    kpt_regress: Tensor
    kpt_offset: Tensor


class OneShotPoses(NamedTuple):
    """A fixed number of poses, the one with the best center first.

    =============== =============== ==================================================
    keypoints       [B x P x K x 2] (x, y) in cells
    keypoint_scores [B x P x K]     heatmap value times closeness to the regressed joint
    scores          [B x P]         of the pose, between 0 and 1
    boxes           [B x P x 4]     x1, y1, x2, y2 of the predicted box in cells
    valid           [B x P]         bool, False if the map has fewer centers
    =============== =============== ==================================================
    """

    keypoints: Tensor
    keypoint_scores: Tensor
    scores: Tensor
    boxes: Tensor
    valid: Tensor


def snap_to_joints(maps: MoveNetMaps, max_people: int) -> OneShotPoses:
    """Decode as the released graph does, for which ``max_people`` is 6.

    Centers are peaks of 5 x 5 cells.  Joint k of a center is the cell with the highest product
    of the joint's heatmap and a Gaussian around the joint that the center regresses, inside
    the box of the center; the offset at that cell gives the place within it.  Its score is the
    highest product that any pose has there.  The score of a pose is the center's times the mean
    score of the joints above a threshold.

    Args:
        maps: of images of one size.
        max_people: P, at most the number of cells.

    Returns:
        OneShotPoses.
    """
    maps = MoveNetMaps(*(part.float() for part in maps))
    height, width = maps.center.shape[-2:]
    center = maps.center.sigmoid()
    is_peak = window_maximum(center, 5) - center < PEAK_TOLERANCE
    scores, x, y = rank_values(torch.where(is_peak, center, 0.0), max_people)
    scores, x, y = scores[:, 0], x[:, 0], y[:, 0]  # [B x P] each
    cells = y * width + x
    regressed = torch.stack([y, x], -1)[:, :, None] + _pairs_at(maps.kpt_regress, cells)
    corners = _boxes_at(maps, y, x)  # [B x P x 2 x 2]

    # The Gaussian and the box are products of one factor for each axis.
    near_y = _nearness(regressed[..., 0], corners[..., 0], height, min(height, width))
    near_x = _nearness(regressed[..., 1], corners[..., 1], width, min(height, width))
    heatmap = maps.kpt_heatmap.sigmoid()
    weighted = heatmap[:, None] * near_y[..., None] * near_x[..., None, :]  # [B x P x K x h x w]
    places = weighted.flatten(-2).argmax(-1)  # [B x P x K], the first of equals
    place_y = torch.div(places, width, rounding_mode='floor')
    place_x = places - place_y * width

    flat_offsets = maps.kpt_offset.flatten(-2).unflatten(1, (-1, 2))  # [B x K x 2 x hw]
    index = places.transpose(1, 2)[:, :, None].expand(-1, -1, 2, -1)  # [B x K x 2 x P]
    offsets = flat_offsets.gather(-1, index).permute(0, 3, 1, 2)  # [B x P x K x 2]
    keypoints = torch.stack([place_x + offsets[..., 1], place_y + offsets[..., 0]], -1)

    # Values of every pose m at the places of every pose n.
    at_y = _gather_axis(near_y, place_y)  # [B x P (m) x P (n) x K]
    at_x = _gather_axis(near_x, place_x)
    value = heatmap.flatten(-2).gather(-1, places.transpose(1, 2)).transpose(1, 2)
    joint_scores = (value[:, None] * at_y * at_x).amax(1)  # [B x P x K]
    good = (joint_scores > SCORE_THR).float()
    mean = (joint_scores * good).sum(-1) / good.sum(-1).clamp(min=1)
    boxes = corners.flip(-1).flatten(-2)  # (y, x) corners -> x1, y1, x2, y2
    return OneShotPoses(keypoints, joint_scores, scores * mean, boxes, scores > 0)


def _pairs_at(maps: Tensor, cells: Tensor) -> Tensor:
    """Pairs of channels at cells: [B x 2K x h x w] and [B x P] -> [B x P x K x 2]."""
    flat = maps.flatten(-2)
    values = flat.gather(-1, cells[:, None].expand(-1, flat.shape[1], -1))
    return values.transpose(1, 2).unflatten(-1, (-1, 2))


def _boxes_at(maps: MoveNetMaps, y: Tensor, x: Tensor) -> Tensor:
    """Boxes of centers, cut at the border of the map.

    Args:
        maps: see the class.
        y, x: [B x P] cells of the centers.

    Returns:
        [B x P x 2 x 2] upper left and lower right corner, (y, x) in cells.
    """
    height, width = maps.center.shape[-2:]
    cells = y * width + x
    half = _pairs_at(maps.box_scale, cells)[:, :, 0].clamp(min=0) / 2
    middle = torch.stack([y, x], -1) + _pairs_at(maps.box_offset, cells)[:, :, 0]
    corners = torch.stack([middle - half, middle + half], 2)
    return torch.minimum(corners.clamp(min=0), corners.new_tensor([height, width]))


def _nearness(regressed: Tensor, borders: Tensor, size: int, short_side: int) -> Tensor:
    """One axis of the weight of cells: a Gaussian around the regressed joint, 0 outside the box.

    Args:
        regressed: [B x P x K] coordinate in cells.
        borders: [B x P x 2] of the box on this axis.
        size: cells of the axis.
        short_side: of the map in cells.

    Returns:
        [B x P x K x size].
    """
    cells = torch.arange(size, device=regressed.device, dtype=regressed.dtype)
    distance = cells - regressed[..., None]
    gaussian = torch.exp(-distance.square() / (DISTANCE_SCALE * short_side))
    inside = (cells >= borders[..., :1]) & (cells < borders[..., 1:])  # [B x P x size]
    return gaussian * inside[:, :, None]


def _gather_axis(nearness: Tensor, places: Tensor) -> Tensor:
    """[B x P x K x size] of poses m at [B x P x K] places of poses n -> [B x m x n x K]."""
    index = places.transpose(1, 2)[:, None].expand(-1, nearness.shape[1], -1, -1)
    return nearness.gather(-1, index).transpose(2, 3)
