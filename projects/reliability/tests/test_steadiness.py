"""Memory stays, runs repeat, and bfloat16 learns: short slices of three commands."""

from __future__ import annotations

import mmap
from pathlib import Path

import bf16
import determinism
import memory
import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Torch computes with one."""
    torch.set_num_threads(1)


def test_predictions_of_changing_sizes_leave_nothing(tmp_path: Path) -> None:
    found = memory.watch(memory.predictions(tmp_path, 20), 60, warm=40, every=10)
    first, last = found[1], found[-1]
    assert last.files == first.files and last.threads == first.threads
    assert last.megabytes < first.megabytes + 10


def test_what_stays_is_seen(tmp_path: Path) -> None:
    kept: list[object] = []

    def keep(index: int) -> None:
        block = mmap.mmap(-1, 2**20)  # not of the heap, where other tests have left room
        block.write(b'x' * 2**20)
        kept.append((block, (tmp_path / str(index)).open('w')))

    found = memory.watch(keep, 12, warm=4, every=2)
    assert found[-1].files - found[1].files == 8, found
    assert 900 < memory.slope(found, 2) < 1200, found


@pytest.mark.slow
def test_trainings_repeat_bit_for_bit() -> None:
    assert determinism.compare(determinism.trained, 1, 2, 2) == (1, True)


def test_predictions_repeat_bit_for_bit() -> None:
    assert determinism.compare(determinism.predicted, 1, 2, 2) == (1, True)


def test_losses_under_bfloat16_are_finite_and_near_those_of_float32(tmp_path: Path) -> None:
    first = bf16.losses(tmp_path, 'float32', 0, 2)
    second = bf16.losses(tmp_path, 'bfloat16', 0, 2)
    assert bf16.finite(first) and bf16.finite(second) and first != second
    assert second == pytest.approx(first, rel=0.1)
    assert not bf16.finite([1.0, float('nan')])
