"""Proposals of a detector with sub-cell offsets and centers that regress their keypoints.

No map is upsampled: the offset at the cell of a peak gives the place of the keypoint.
All points and sizes are in *cells* of the detector's finest level; the middle of cell (0, 0) is
(0.5, 0.5).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .proposals import rank_values, window_maximum

# A finite value, so that cells of the map rank before the padding of `rank_values`.
_NO_PEAK = -1e4


class KeypointPeaks(NamedTuple):
    """The best peaks of every keypoint type, the best first.

    ====== =============== ===============================================================
    points [B x K x R x 2] (x, y) with the offset, in cells
    cells  [B x K x R x 2] middle of the cell of the peak
    logits [B x K x R]     log-odds of the heatmap at the peak
    valid  [B x K x R]     bool, False for slots that take no part
    ====== =============== ===============================================================
    """

    points: Tensor
    cells: Tensor
    logits: Tensor
    valid: Tensor


class CenterPeaks(NamedTuple):
    """The best centers and what the detector predicts for the person at each.

    ========= =============== ============================================================
    cells     [B x C x 2]     (x, y) middle of the cell of the peak
    logits    [B x C]         log-odds of the heatmap at the peak
    sizes     [B x C x 2]     width and height of the person in cells
    regressed [B x C x K x 2] where the detector expects the keypoints of the person, in cells
    valid     [B x C]         bool, False for slots that take no part
    ========= =============== ============================================================
    """

    cells: Tensor
    logits: Tensor
    sizes: Tensor
    regressed: Tensor
    valid: Tensor

    @property
    def scales(self) -> Tensor:
        """Size of the person, one number: square root of its box's area in cells, [B x C].

        Boxes have at least 2 x 2 cells, so that distances can be divided by the size.
        """
        return self.sizes.clamp(min=2).prod(-1).sqrt()


def log_odds(heatmaps: Tensor, eps: float = 1e-6) -> Tensor:
    """Logits of heatmaps with values in [0, 1], finite at 0 and 1."""
    return heatmaps.float().clamp(eps, 1 - eps).logit()


def _peaks(logits: Tensor, count: int, window: int) -> tuple[Tensor, Tensor, Tensor]:
    """Best local maxima of every map: values, x, y, each [B x T x count].

    Slots beyond the last local maximum get a very low value and some cell.
    """
    is_peak = window_maximum(logits, window) == logits
    return rank_values(torch.where(is_peak, logits, _NO_PEAK), count)


def _at(maps: Tensor, index: Tensor) -> Tensor:
    """Pairs at cells, one map of pairs for each type: [B x T x 2 x hw], [B x T x N] -> [..., 2]."""
    index = index[:, :, None].expand(-1, -1, 2, -1)
    return maps.gather(-1, index).transpose(2, 3)  # [B x T x N x 2]


def propose_keypoints(
    logits: Tensor, offsets: Tensor, count: int, window: int = 3, min_logit: float = -4.0
) -> KeypointPeaks:
    """Peaks of the keypoint heatmaps with their offsets.

    Args:
        logits: [B x K x h x w].
        offsets: [B x K x 2 x h x w] (x, y) from the corner of a cell to the keypoint, in cells.
        count: R, slots of each type.
        window: odd width of the non-maximum suppression in cells.
        min_logit: peaks below take no part.
    """
    values, x, y = _peaks(logits, count, window)
    corner = torch.stack([x, y], -1).to(logits.dtype)
    offset = _at(offsets.flatten(-2), y * logits.shape[-1] + x)
    valid = values > min_logit
    return KeypointPeaks(corner + offset, corner + 0.5, values.clamp(min=min_logit), valid)


def propose_centers(
    logits: Tensor,
    sizes: Tensor,
    joints: Tensor,
    count: int,
    window: int = 5,
    min_logit: float = -6.0,
) -> CenterPeaks:
    """Peaks of the center heatmap with sizes and regressed keypoints; the best is always valid.

    Args:
        logits: [B x 1 x h x w].
        sizes: [B x 2 x h x w] width and height in cells.
        joints: [B x K x 2 x h x w] (x, y) from the corner of a cell to the keypoints, in cells.
        count: C, slots.
        window: odd width of the non-maximum suppression in cells.
        min_logit: centers below take no part, the best of an image apart.
    """
    values, x, y = _peaks(logits, count, window)
    index = y * logits.shape[-1] + x  # [B x 1 x C]
    corner = torch.stack([x, y], -1).to(logits.dtype)[:, 0]  # [B x C x 2]
    size = _at(sizes.flatten(-2)[:, None], index)[:, 0]
    num_keypoints = joints.shape[1]
    relative = _at(joints.flatten(-2), index.expand(-1, num_keypoints, -1))  # [B x K x C x 2]
    values = values[:, 0]
    first = torch.arange(count, device=values.device) == 0
    return CenterPeaks(
        cells=corner + 0.5,
        logits=values.clamp(min=min_logit),
        sizes=size.clamp(min=0),
        regressed=corner[:, :, None] + relative.transpose(1, 2),
        valid=(values > min_logit) | first,
    )
