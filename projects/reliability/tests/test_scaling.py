"""The plan for several GPUs is the arithmetic that it says."""

from __future__ import annotations

import pytest
import scaling
from torch import nn

NETWORK = scaling.Network(inside=100e9, between=10e9, latency=0)
STEP = scaling.Step(forward=0.05, backward=0.1, optimizer=0.01)


def test_a_ring_sends_almost_twice_the_gradients() -> None:
    assert scaling.reduction(1e9, 1, NETWORK) == 0
    assert scaling.reduction(1e9, 2, NETWORK) == pytest.approx(1e9 / 100e9)
    assert scaling.reduction(1e9, 8, NETWORK) == pytest.approx(1.75e9 / 100e9)
    assert scaling.reduction(1e9, 64, NETWORK) == pytest.approx(2 * 63 / 64 * 1e9 / 10e9)
    slow = NETWORK._replace(latency=1e-5)
    assert scaling.reduction(0, 512, slow) == pytest.approx(2 * 511 * 1e-5)


def test_only_what_the_backward_pass_does_not_hide_is_waited_for() -> None:
    assert scaling.planned(STEP, 1e6, 1, NETWORK) == (pytest.approx(0.16), 0)
    seconds, waiting = scaling.planned(STEP, 1e6, 8, NETWORK)  # one bucket, sent after the pass
    assert waiting == pytest.approx(1.75e6 / 100e9) and seconds == pytest.approx(0.16 + waiting)
    _, waiting = scaling.planned(STEP, 1e9, 64, NETWORK)
    assert waiting == pytest.approx(2 * 63 / 64 * 1e9 / 10e9 - 0.1)


def test_frozen_weights_are_not_sent() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    assert scaling.payload(model) == 4 * (12 + 4 + 8 + 2)
    model[0].requires_grad_(False)
    assert scaling.payload(model) == 4 * 10
