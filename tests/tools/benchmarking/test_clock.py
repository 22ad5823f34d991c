"""Calls in turn, replaced parts and peak memory."""

from __future__ import annotations

import pytest
import torch
from benchmarking.clock import Prepared, alternate, peak_memory, replaced

import centergroup_mm  # noqa: F401


def test_alternation_counts_rounds_and_stops_at_the_limit():
    order = []
    calls = {
        'a': lambda: order.append('a'),
        'b': Prepared(lambda: order.append('given') or 'b', order.append),
    }
    seconds = alternate(calls, repeats=2)
    assert order == ['a', 'given', 'b'] * 3
    assert [len(values) for values in seconds.values()] == [2, 2]
    assert [len(v) for v in alternate(calls, repeats=5, limit=0).values()] == [1, 1]


def test_a_part_that_was_not_replaced_is_an_error(work):
    with pytest.raises(RuntimeError, match=r'merge was not called'):  # noqa: SIM117
        with replaced(work.head, merge=lambda *args: None):
            pass
    assert 'merge' not in vars(work.head)


def test_peak_memory_sees_what_is_freed():
    def fill() -> None:
        first = torch.empty(2**20)
        second = torch.empty(2**20)
        del first, second
        torch.empty(2**18)

    assert 8 * 2**20 <= peak_memory(fill) <= 8 * 2**20 + 4096
