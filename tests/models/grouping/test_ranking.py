"""The order of peaks: as a stable sort of the whole map, ties and awkward sizes included."""

from __future__ import annotations

import pytest
import torch

import centergroup_mm  # noqa: F401
from centergroup_mm.models.grouping import find_peaks, select_proposals
from centergroup_mm.models.grouping.proposals import rank_values

MAPS = dict(
    distinct=lambda shape: torch.randn(shape),
    tied=lambda shape: torch.randint(0, 5, shape).float(),
    peaks=lambda shape: find_peaks(torch.randn(shape), 5),
    empty=lambda shape: torch.zeros(shape),
    zeros_of_both_signs=lambda shape: torch.randn(shape) * 0,
)


@pytest.mark.parametrize('shape', [(2, 3, 64, 96), (1, 2, 40, 50), (2, 2, 8, 16), (1, 1, 7, 33)])
@pytest.mark.parametrize('kind', MAPS)
def test_equals_a_stable_sort(kind, shape):
    torch.manual_seed(0)
    maps = MAPS[kind](shape)
    values, x, y = rank_values(maps, 30)
    all_values, order = maps.flatten(2).sort(stable=True, dim=-1, descending=True)
    assert torch.equal(values, all_values[..., :30])
    assert torch.equal(y * shape[-1] + x, order[..., :30])


def test_equal_peaks_take_their_slots_in_row_major_order():
    maps = torch.zeros(1, 1, 64, 64)
    for x, y in ((40, 9), (20, 9), (5, 50)):
        maps[0, 0, y, x] = 0.5
    found = select_proposals(maps, num_slots=4, nms_size=5)
    assert found.points[0, 0].tolist() == [[20, 9], [40, 9], [5, 50], [0, 0]]
    assert found.valid[0, 0].tolist() == [True, True, True, False]
