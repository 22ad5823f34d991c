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
from benchmarking.case import Case, compiled_calls
from benchmarking.clock import STAGES, Prepared, alternate, interval, peak_memory, replaced
from benchmarking.options import Options
from benchmarking.ratios import inference_ratios, judge
from benchmarking.report import FILES, draw_plots, format_report
from benchmarking.results import PAGE, block, save, table
from benchmarking.roofline import operators, roofline, training_arithmetic, work_of
from benchmarking.run import run_benchmark
from benchmarking.scenes import Scenes, crowds
from benchmarking.workload import Workload
from mmengine.config import Config

import centergroup_mm  # noqa: F401
from centergroup_mm.utils.errors import UserError

from ..conftest import ROOT
from ..helpers.exported import needs_export

TINY = ROOT / 'configs/centergroup_tiny_synthetic.py'
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
    threads = torch.get_num_threads()
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', *map(str, arguments)])
    try:
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / 'tools/benchmark.py'), run_name='__main__')
    finally:
        torch.set_num_threads(threads)
    return end.value.code


@pytest.fixture(scope='module')
def work() -> Workload:
    """The tiny model."""
    return Workload(Config.fromfile(TINY))


@pytest.fixture(scope='module')
def scenes(work: Workload) -> Scenes:
    """Two pictures of four people at 128x96."""
    return work.scenes((128, 96), 2, 4)


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


def test_crowds_have_so_many_people():
    first, second = crowds(2, 7, (64, 64), joints=17)
    assert first['keypoints'].shape == (7, 17, 2) and first['bbox'].shape == (7, 4)
    assert (first['keypoints_visible'] > 0).any(1).all()
    assert not np.array_equal(first['keypoints'], second['keypoints'])
    assert crowds(1, 7, (64, 64), joints=14)[0]['keypoints'].shape == (7, 14, 2)


@pytest.mark.parametrize('flip', [True, False])
@pytest.mark.parametrize('batch', [1, 2])
def test_parts_are_those_of_the_prediction(work, scenes, batch, flip):
    case = Case(work, scenes, batch, flip)
    whole = case.predict(case.levels(4))
    seconds = case.stages(4)
    answers = case.convolved(4)
    parts = [case.post_detector(case.maps(4), answers), case.grouping(case.merged(4), answers)]
    for part in parts:
        assert len(part) == len(whole) == batch
        for alone, sample in zip(part, whole, strict=True):
            assert len(alone.keypoints) > 0
            # the estimator moves its keypoints to the original image, here the same pixels
            for name in ('keypoints', 'keypoint_scores'):
                torch.testing.assert_close(
                    torch.as_tensor(alone[name]),
                    torch.as_tensor(sample.pred_instances[name]),
                    check_dtype=False,
                )
    seconds.call(seconds.prepare())
    assert list(case.stage_seconds[4][0]) == list(STAGES)
    owners = (case.head, case.head.detector, case.head.neck.center_embed)
    for owner in owners:  # nothing stays replaced
        assert not {'forward', 'detect', 'on_windows', 'at_cells', 'propose', 'merge'} & set(
            vars(owner)
        )


@pytest.mark.parametrize('flip', [True, False])
def test_associative_embedding_finds_the_people_of_the_same_scene(work, flip):
    scenes = work.scenes((192, 192), 1, 3)
    case = Case(work, scenes, 1, flip)
    maps, tags = case.ae_inputs(3)
    assert maps.shape == (1, 17, 192, 192) and tags.shape == (1, 34 if flip else 17, 192, 192)
    labels = scenes.labels(0, 3)
    for keypoints, scores, _ in (
        case.decoder.decode(maps, tags),
        case.ae_predict((case.levels(3), case.tags(3))),
    ):
        assert len(keypoints[0]) == 3
        for joints, visible in zip(labels['joints'], labels['joints_visible'], strict=True):
            seen = visible[:-1] > 0
            error = np.linalg.norm(keypoints[0] - joints[:-1], axis=-1)[:, seen]
            assert np.median(error, axis=1).min() < 2
        assert (scores[0] > 0).any()


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


def test_the_table_of_the_documentation_is_that_of_the_files():
    text = PAGE.read_text()
    assert block() in text, 'run python tools/benchmark.py --save, or write_page()'


def test_results_of_processors_stay_side_by_side(tmp_path):
    row = dict(median=0.8, between=[0.7, 0.85], known=True, rounds=7, met=True)
    row['conditions'] = dict(size=[512, 512], people=1, batch=1)
    given = dict(machine='This (1)', device='cpu', threads=2, config='c', torch='2')
    first = dict(conditions=given, ratio_details=dict(end_to_end_over_ae_1=row))
    path = save(first, tmp_path)
    other = {**row, 'known': False, 'conditions': {**row['conditions'], 'people': 5}}
    save(dict(conditions=given, ratio_details=dict(end_to_end_over_ae_5=other)), tmp_path)
    save({**first, 'conditions': {**given, 'machine': 'That'}}, tmp_path)
    assert path.name == 'this-1-2-threads.json' and len(list(tmp_path.iterdir())) == 2
    heading, _, one, five = table(tmp_path).splitlines()
    assert heading.endswith('| That, 2 threads | This (1), 2 threads |')
    assert one.endswith('| ≤ 0.95 | 0.8 (0.700 to 0.850) | 0.8 (0.700 to 0.850) |')
    assert five.endswith('| 5 | ≤ 0.95 |  | not known (0.700 to 0.850) |')
    with pytest.raises(UserError, match='512x512'):
        other['conditions']['size'] = [64, 64]
        save(dict(conditions=given, ratio_details=dict(end_to_end_over_ae_5=other)), tmp_path)


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


def test_training_steps_reach_what_they_claim(work, scenes):
    steps = work.training_calls(scenes, 2, 4)
    for name in ('train_detector', 'train_frozen'):
        assert steps[name]() > 0
        assert work.head.neck.layers[0].norm1.weight.grad is None
        assert work.head.detector.final_layers[0].weight.grad.abs().sum() > 0
    assert steps['train_step']() > 0
    without = [n for n, p in work.model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
    assert not work.model.training


def test_norms_learn_only_where_the_detector_is_trained_alone():
    cfg = Config.fromfile(TINY)
    cfg.model.head.freeze_detector_bn = True
    work = Workload(cfg)
    steps = work.training_calls(work.scenes((64, 64), 1, 2), 1, 2)
    norm = work.head.detector.deconv_layers[0][0][1]
    for name, learns in (('train_detector', True), ('train_frozen', False), ('train_step', False)):
        before = norm.running_mean.clone()
        steps[name]()
        assert (norm.weight.grad is not None) is learns
        assert torch.equal(norm.running_mean, before) is not learns
        assert not norm.weight.requires_grad


def test_ratios_take_the_least_favorable_crowd():
    seconds = {
        'detector': [10.0, 20.0],
        'stock_detector': [20.0, 25.0],
        'end_to_end@25': [15.0, 15.0],
        'ae_end_to_end@25': [30.0, 30.0],
    }
    for count, ours, baseline in ((1, 1.0, 9.0), (20, 1.0, 5.0), (25, 2.0, 8.0), (30, 2.0, 12.0)):
        seconds[f'post_detector@{count}'] = seconds[f'grouping@{count}'] = [ours, ours]
        seconds[f'ae_decode@{count}'] = [baseline, baseline]
        seconds[f'embedding@{count}'] = [1.0, 2.0]
    ratios = inference_ratios(seconds)
    assert ratios['post_detector_over_detector'] == [0.2, 0.1]
    assert ratios['growth_1_to_30_over_detector'] == [0.1, 0.05]
    assert ratios['ae_decode_over_grouping'] == [4.0, 4.0]
    assert ratios['end_to_end_ae_over_ours'] == [2.0, 2.0]
    assert ratios['fused_over_stock_detector'] == [0.5, 0.8]


def test_an_interval_holds_the_median_nine_times_in_ten():
    random = np.random.default_rng(0)
    for number in (5, 8, 15, 40):
        draws = np.sort(random.exponential(size=(2000, number)))
        inside = [low <= np.log(2) <= high for low, high in map(interval, draws.tolist())]
        assert 0.88 < np.mean(inside) < 0.98, number
    assert interval([1.0, 1.0, 1.0, 1.0]) == (-np.inf, np.inf)


def test_a_ratio_whose_interval_is_too_wide_is_not_printed():
    given = dict(people=1, size=[512, 512], flip=True, batch=1, device='cpu', threads=2)
    name = 'end_to_end_over_ae_1'
    sure = judge(name, [0.80, 0.81, 0.82, 0.83, 0.84], given)
    unsure = judge(name, [0.7, 0.8, 0.9, 1.0, 1.1], given)
    assert sure['known'] and sure['met'] and sure['between'] == [0.80, 0.84]
    assert not unsure['known'] and unsure['met'] is None
    assert not judge(name, [0.5], given)['known']


def test_whole_predictions_are_compared_until_it_is_known_which_are_faster(work):
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


@pytest.mark.parametrize(
    ('name', 'value', 'changed', 'met'),
    [
        ('post_detector_over_detector', 0.1, {}, True),
        ('post_detector_over_detector', 0.11, {}, False),
        ('ae_decode_over_grouping', 2.9, {}, False),
        ('ae_decode_over_grouping', 14.0, {'device': 'cuda', 'threads': 8}, False),
        ('ae_decode_over_grouping', 15.0, {'device': 'cuda'}, True),
        ('end_to_end_ae_over_ours', 9.0, {}, None),
        ('post_detector_over_detector', 0.01, {'threads': 1}, None),
        ('post_detector_over_detector', 0.01, {'size': [832, 512]}, None),
    ],
)
def test_targets_are_judged_where_they_apply(name, value, changed, met):
    given = dict(people=25, size=[512, 512], flip=True, batch=1, device='cpu', threads=2)
    assert judge(name, [value], {**given, **changed})['met'] is met


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
