"""The benchmark, on the smallest input: what it measures and what it writes."""

from __future__ import annotations

import functools
import json
import runpy
import sys
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from benchmarking import run as benchmark
from benchmarking.case import compiled_calls
from benchmarking.clock import STAGES, alternate
from benchmarking.options import Options
from benchmarking.report import FILES, draw_plots, format_report
from benchmarking.run import run_benchmark
from mmengine.config import Config

import centergroup_mm  # noqa: F401

from ..conftest import ROOT
from ..helpers.exported import needs_export
from .benchmarking.conftest import TINY

#: what users of the JSON file rely on
RATIOS = {
    'post_detector_over_detector',
    'ae_decode_over_grouping',
    'growth_1_to_30_over_detector',
    'end_to_end_ae_over_ours',
    'train_step_over_detector',
    'extra_peak_memory_mb',
}


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the tool in this process and return its exit status."""
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools/benchmark.py'), run_name='__main__')
    return end.value.code


def test_quick_fills_every_ratio_and_names_its_conditions(tmp_path, monkeypatch, capsys):
    path, plots = tmp_path / 'new' / 'numbers.json', tmp_path / 'plots'
    arguments = [TINY, '--quick', '--size', '64x64', '--repeats', 1, '--threads', 1]
    arguments += ['--json', path, '--plots', plots]
    assert call(monkeypatch, *arguments) == 0
    result = json.loads(path.read_text())
    assert set(result['ratios']) >= RATIOS
    details = result['ratio_details']
    assert set(details) == set(result['ratios'])
    for name, value in result['ratios'].items():
        assert np.isfinite(value)
        given = details[name]['conditions']
        assert {'people', 'size', 'flip', 'batch', 'device', 'threads'} == set(given)
        assert (given['size'], given['device'], given['threads']) == ([64, 64], 'cpu', 1)
        assert details[name]['met'] is None  # other conditions than the target's
    assert details['growth_1_to_30_over_detector']['conditions']['people'] == [1, 30]
    assert details['train_step_over_detector']['conditions']['batch'] == 1
    assert details['post_detector_over_detector']['wanted'] == '<= 0.1'
    assert details['ae_decode_over_grouping']['wanted'] == '>= 3'
    stages = result['inference'][0]['stages']['25']
    assert list(stages) == list(STAGES) and all(v['median'] > 0 for v in stages.values())
    for name in FILES:
        assert (plots / name).read_bytes().startswith(b'\x89PNG')
    printed = capsys.readouterr().out
    assert 'random weights' in printed and 'AE batch_decode / grouping' in printed
    before = path.read_text()
    assert call(monkeypatch, *arguments) == 2
    assert '--overwrite' in capsys.readouterr().err and path.read_text() == before


@pytest.mark.slow
@needs_export
def test_compiled_code_is_measured_if_asked_for(tmp_path, monkeypatch):
    eager = functools.partial(compiled_calls, backend='eager')
    monkeypatch.setattr(benchmark, 'compiled_calls', eager)
    path = tmp_path / 'numbers.json'
    arguments = [TINY, '--quick', '--compile', '--size', '64x64', '--repeats', 1, '--threads', 1]
    assert call(monkeypatch, *arguments, '--json', path) == 0
    assert json.loads(path.read_text())['ratios']['eager_over_compiled'] > 0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--size', '100x64'], 'multiples of 32'),
        (['--size', '512'], '512 is not WIDTHxHEIGHT'),
        (['--repeats', 0], 'at least 1'),
        (['--people', 0], 'at least 1'),
        (['no_such.py'], 'config not found'),
        (['--baseline', 'no_such_package:Baseline'], 'put its folder on PYTHONPATH'),
        (['--baseline', 'json'], 'name MODULE:CLASS'),
    ],
)
def test_mistakes_end_in_one_line(monkeypatch, capsys, arguments, message):
    assert call(monkeypatch, *([TINY] if arguments[0] != 'no_such.py' else []), *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert 'error: ' in error and message in error


def test_combinations_start_where_ratios_are_taken():
    small, large = (64, 64), (96, 64)
    chosen = Options(sizes=[small, large], flips=[False], batches=[8])
    assert chosen.combinations == [
        (small, True, 1),
        (small, False, 8),
        (large, False, 8),
    ]
    assert len(Options(sizes=[small, large]).combinations) == 8


def test_batches_are_compared_with_single_images():
    options = Options(
        sizes=[(64, 64)],
        people=[2],
        batches=[8],
        flips=[True],
        threads=torch.get_num_threads(),
        seconds=0,
    )
    result = run_benchmark('tiny', Config.fromfile(TINY), options)
    assert [(g['flip'], g['batch']) for g in result['inference']] == [(True, 1), (True, 8)]
    assert all(list(g['stages']) == ['1', '2', '25', '30'] for g in result['inference'])
    given = result['ratio_details']['throughput_8_over_1']['conditions']
    assert given['batch'] == [1, 8] and result['ratios']['throughput_8_over_1'] > 0
    assert 'one round only' in format_report(result)


class HalfOfThem:
    """A baseline that looks at every second map."""

    name, label = 'half', 'every second map'

    def __init__(self, cfg: Config, device: torch.device | str) -> None:
        self.num_slots = cfg.model.head.num_slots

    def prepare(self, levels: Sequence[torch.Tensor], maps: torch.Tensor) -> torch.Tensor:
        assert len(levels[-1]) == 2 * len(maps)  # both views
        return maps[:, ::2]

    def group(
        self, given: torch.Tensor, feats: Sequence, samples: Sequence, test_cfg: dict
    ) -> list[torch.Tensor]:
        assert len(feats) == 2 and test_cfg['flip_test']
        return [maps.flatten(1).max(1).indices for maps, _ in zip(given, samples, strict=True)]


def test_a_baseline_is_measured_and_named_in_the_results(tmp_path):
    options = Options(
        sizes=[(64, 64)],
        people=[],
        batches=[1],
        flips=[True],
        threads=torch.get_num_threads(),
        seconds=0,
        baseline=f'{__name__}:HalfOfThem',
    )
    result = run_benchmark('tiny', Config.fromfile(TINY), options)
    assert result['baseline'] == dict(name='half', label='every second map')
    assert {'half@1', 'half@25', 'half@30'} <= set(result['inference'][0]['seconds'])
    row = next(line for line in format_report(result).splitlines() if 'poses, half' in line)
    assert row.count('±') == 3
    draw_plots(result, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_whole_predictions_are_compared_until_it_is_known_which_are_faster():
    options = Options(
        sizes=[(64, 64)], only=['whole'], repeats=1, seconds=0, threads=torch.get_num_threads()
    )
    result = run_benchmark('tiny', Config.fromfile(TINY), options)
    wanted = {
        f'{call}@{n}' for call in ('end_to_end', 'ae_end_to_end', 'ae_fused') for n in (1, 5, 30)
    }
    assert set(result['whole']) == wanted and result['training'] == {}
    assert 'unknown' in format_report(result)  # of one round
    order: list[str] = []
    alternate(dict(a=lambda: order.append('a')), repeats=2, known=lambda found: len(order) > 4)
    assert len(order) == 5


def test_a_quick_look_at_a_part_measures_it(tmp_path, monkeypatch):
    path = tmp_path / 'numbers.json'
    arguments = [TINY, '--quick', '--only', 'whole', '--size', '64x64', '--repeats', 1]
    assert call(monkeypatch, *arguments, '--seconds', 1, '--threads', 1, '--json', path) == 0
    assert 'end_to_end_over_ae_1' in json.loads(path.read_text())['ratios']


def test_only_the_parts_that_are_named_are_measured():
    options = Options(
        sizes=[(64, 64), (128, 64)],
        only=['batches', 'training'],
        repeats=1,
        seconds=0,
        threads=torch.get_num_threads(),
    )
    result = run_benchmark('tiny', Config.fromfile(TINY), options)
    assert set(result['ratios']) == {
        'throughput_8_over_1', 'train_step_over_detector', 'train_step_over_frozen_detector'
    }  # fmt: skip
    assert set(result['batches']) == {'single', 'eight'} and not result['inference']
    assert not result['whole'] and not result['memory_mb']
    assert 'end to end, batch 8' in format_report(result)
