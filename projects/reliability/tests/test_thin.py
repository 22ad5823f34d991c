"""A long thin image costs little more than a square one; the whole table is an extended test."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import thin
from fuzzing.material import Material
from fuzzing.outcome import Outcome


@pytest.mark.parametrize(
    ('tool', 'size'),
    [
        ('predict', (1, 5000)),
        ('explain', (5000, 1)),
        ('train', (5000, 1)),
        ("MMPose's inferencer", (1, 5000)),
        pytest.param('train', (1, 5000), marks=pytest.mark.slow),
        pytest.param('test', (5000, 1), marks=pytest.mark.slow),
    ],
)
def test_a_thin_image(tool: str, size: tuple[int, int], material: Material) -> None:
    if tool == 'train':  # which needs no weights
        material = replace(material, config=material.tiny)
    outcome = thin.measure(material, tool, size)
    assert outcome.result == 'sound', outcome.text  # and so in less than 60 s
    # several times what a square image of 400 pixels costs, see the table in docs/reliability.md
    assert outcome.megabytes < 1000, outcome


@pytest.mark.extended
def test_all_tools_and_shapes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, 'argv', ['thin.py'])
    status = thin.main()
    assert status == 0, capsys.readouterr().out


def test_what_is_too_dear_is_told_apart() -> None:
    square = Outcome('predict', '400x400', 'sound', '', 3.0, 100.0)
    assert not thin.dearer(square._replace(seconds=14.0, megabytes=490.0), square)
    assert thin.dearer(square._replace(seconds=16.0), square)
    assert thin.dearer(square._replace(megabytes=510.0), square)
    assert thin.dearer(square._replace(result='hang'), square)
