"""Arithmetic and traffic that the benchmark counts."""

from __future__ import annotations

import pytest
import torch
from benchmarking.case import Case
from benchmarking.roofline import operators, roofline, training_arithmetic, work_of

import centergroup_mm  # noqa: F401


def test_arithmetic_and_traffic_are_counted():
    images, layer = torch.randn(2, 3, 8, 8), torch.nn.Conv2d(3, 4, 3, padding=1, bias=False)
    flops, moved = work_of(lambda: layer(images).view(-1))
    assert flops == 2 * (2 * 4 * 8 * 8) * (3 * 3 * 3)
    assert moved == 4 * (images.numel() + layer.weight.numel() + 2 * 4 * 8 * 8)


def test_parts_and_operators_add_up_to_a_prediction(work):
    case = Case(work, work.scenes((64, 64), 1, 5), 1, True)
    rows = [line.split('|') for line in roofline(case, [5], 1).splitlines()[4:]]
    assert len(rows) == 4 and sum(float(row[4]) for row in rows) == pytest.approx(1, abs=0.03)
    assert all(float(row[5]) > 0 for row in rows[:2])  # GFLOP; a rate of a busy machine may be 0
    assert 'convolution' in operators(case, 5)
    assert 1 < float(training_arithmetic(case, 5).split()[-1]) < 3
