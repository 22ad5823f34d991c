"""The parameter table equals the released models', number by number."""

from __future__ import annotations

import importlib.util

import pytest

from ..conftest import ROOT
from ..helpers.tools import Done, run_tool

ORDER = (
    'backbone', 'keypoint head', 'embedding CNN, keypoints', 'embedding CNN, centers',
    'initial MLP', 'position MLP', 'type embedding', 'transformer encoder', 'attention',
    'MLP center', 'MLP visibility', 'grouping modules', 'in the checkpoint', 'needed at test',
    'summed as the paper does',
)  # fmt: skip
# Parameters of the models with official checkpoints.
RELEASED = {
    'w32_coco': (
        28_535_552, 110_902, 595_328, 595_328, 33_024, 16_512, 2_304, 594_816, 421_056,
        33_153, 41_345, 4, 32_465_982, 30_979_320, 30_365_176,
    ),
    'w48_coco': (
        63_594_912, 233_910, 597_376, 597_376, 33_024, 16_512, 2_304, 594_816, 421_056,
        33_153, 41_345, 4, 67_652_446, 66_165_784, 65_549_592,
    ),
    'w48_crowdpose': (
        63_594_912, 228_861, 597_376, 597_376, 33_024, 16_512, 1_920, 594_816, 346_752,
        33_153, 41_345, 4, 67_349_797, 66_086_047, 65_470_239,
    ),
}  # fmt: skip


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location(
        'count_parameters', ROOT / 'tools/count_parameters.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('name', RELEASED)
def test_the_released_models(tool, name):
    counts = tool.components(tool.build(str(ROOT / f'configs/centergroup_{name}.py')))
    assert counts == dict(zip(ORDER, RELEASED[name], strict=True))


def test_ablations_lack_components(tool):
    path = ROOT / 'configs/ablation/table1_row3_same_type.py'
    counts = tool.components(tool.build(str(path)))
    assert not {'position MLP', 'type embedding', 'transformer encoder'} & set(counts)
    assert counts['grouping modules'] == 1
    assert counts['in the checkpoint'] == counts['needed at test'] == 30_979_320 - 613_632


def test_a_detector_alone(tool):
    counts = tool.components(tool.build(str(ROOT / 'configs/higherhrnet_center_w32_coco.py')))
    assert counts == {
        'backbone': 28_535_552,
        'keypoint head': 110_902,
        'in the checkpoint': 28_646_454,
        'needed at test': 28_646_454,
    }


def run(*arguments: str) -> Done:
    """The tool as a user runs it."""
    return run_tool('tools/count_parameters.py', *arguments, cwd=ROOT)


def test_the_printed_table():
    done = run()
    assert done.status == 0, done.err
    lines = [line.split('  ') for line in done.out.splitlines()]
    cells = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in lines}
    assert cells['component'] == ['paper', *(f'centergroup_{name}' for name in RELEASED)]
    for index, name in enumerate(ORDER):
        numbers = [f'{RELEASED[model][index]:,}' for model in RELEASED]
        assert cells[name][-3:] == numbers, name
    assert cells['transformer encoder'][0] == '594K'
    assert cells['summed as the paper does'][0] == '30.3M (65.5M)'
    assert 'published' in done.out


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        ('configs/nothing.py', 'config not found'),
        ('configs/_base_/default_runtime.py', 'has no model'),
    ],
)
def test_mistakes_are_one_line(config, message):
    done = run(config)
    assert done.status == 2 and done.out == ''
    (line,) = done.err.strip().splitlines()
    assert message in line and config in line
