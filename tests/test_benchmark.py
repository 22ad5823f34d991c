"""The benchmark, on the smallest input: what it measures and what it writes."""

from __future__ import annotations

import json
import runpy
import sys

import pytest
import torch
from mmengine.config import Config

import centergroup_mm  # noqa: F401
from centergroup_mm.apis.benchmark import TARGETS, alternate, peak_memory
from centergroup_mm.apis.benchmark_workload import Workload, crowd

from .conftest import ROOT

TINY = ROOT / 'configs/centergroup_tiny_synthetic.py'
COCO = ROOT / 'configs/centergroup_w32_coco.py'


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the tool in this process and return its exit status."""
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools/benchmark.py'), run_name='__main__')
    return end.value.code


@pytest.fixture(scope='module')
def work() -> Workload:
    """The tiny model with four people at 64x64."""
    return Workload(Config.fromfile(TINY), (64, 64), people=4)


def test_tool_writes_ratios_and_conditions(tmp_path, monkeypatch, capsys):
    path = tmp_path / 'new' / 'numbers.json'
    status = call(
        monkeypatch, TINY, '--size', 64, 64, '--people', 3, '--repeats', 2, '--json', path
    )
    assert status == 0
    result = json.loads(path.read_text())
    assert {*TARGETS, 'extra_peak_memory_mb'} <= set(result['ratios'])
    assert all(result['ratios'][name] > 0 for name in TARGETS)
    assert result['conditions']['size'] == [64, 64]
    assert result['conditions']['repeats'] == dict.fromkeys(result['seconds'], 2)
    printed = capsys.readouterr().out
    assert 'random weights' in printed and '<= 0.5' in printed and '<= 1.5' in printed


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--size', 100, 64], 'multiples of 32'),
        (['--repeats', 0], 'at least 1'),
        (['no_such.py'], 'config not found'),
    ],
)
def test_mistakes_end_in_one_line(monkeypatch, capsys, arguments, message):
    assert call(monkeypatch, *([TINY] if arguments[0] != 'no_such.py' else []), *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('error: ') and message in error


def test_crowd_has_so_many_people():
    people = crowd(7, (64, 64), joints=17)
    assert people['keypoints'].shape == (7, 17, 2) and people['bbox'].shape == (7, 4)
    assert (people['keypoints_visible'] > 0).any(1).all()
    assert crowd(7, (64, 64), joints=14)['keypoints'].shape == (7, 14, 2)


def test_parts_are_those_of_the_prediction(work):
    parts = work.inference_calls()
    alone, whole = parts['post_detector']()[0], work.predict()[0].pred_instances
    assert len(alone.keypoints) > 0
    # the estimator moves its keypoints to the original image, here the same pixels
    torch.testing.assert_close(
        torch.as_tensor(alone.keypoint_scores), torch.as_tensor(whole.keypoint_scores)
    )
    assert 'forward' not in vars(work.head.detector) and 'embed' not in vars(work.head.neck)


def test_training_steps_reach_what_they_claim(work):
    assert work.train_step(detector_only=True) > 0
    assert work.head.neck.layers[0].norm1.weight.grad is None
    assert work.head.detector.final_layers[0].weight.grad.abs().sum() > 0
    assert work.train_step(detector_only=False) > 0
    without = [n for n, p in work.model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
    assert not work.model.training


def test_alternation_counts_rounds_and_stops_at_the_limit():
    order = []
    calls = {'a': lambda: order.append('a'), 'b': lambda: order.append('b')}
    seconds = alternate(calls, repeats=2)
    assert order == ['a', 'b'] * 3 and [len(values) for values in seconds.values()] == [2, 2]
    assert [len(v) for v in alternate(calls, repeats=5, limit=0).values()] == [1, 1]


def test_peak_memory_sees_what_is_freed():
    def fill() -> None:
        first = torch.empty(2**20)
        second = torch.empty(2**20)
        del first, second
        torch.empty(2**18)

    assert 8 * 2**20 <= peak_memory(fill) <= 8 * 2**20 + 4096
