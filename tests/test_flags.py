"""Every flag of every command and tool has its effect, or is refused in one line.

The flags are read from the parsers, so a new one without a test fails here.
"""

from __future__ import annotations

import argparse
import importlib
import re
import runpy
import sys
from collections.abc import Iterator

import pytest

from centergroup_lite.commands import COMMANDS

from .conftest import ROOT

CONFIG = ROOT / 'configs' / 'centergroup_small256_synthetic.py'
TOY = ROOT / 'tests' / 'helpers' / 'toy_config.py'
BENCHMARK = 'tests/tools/test_benchmark.py'
CLOCK = 'tests/tools/benchmarking/test_clock.py'
RATIOS_KEPT = 'tests/tools/benchmarking/test_results.py'
ROOFLINE = 'tests/tools/benchmarking/test_roofline.py'
COMPARED = f'{BENCHMARK}::test_quick_fills_every_ratio_and_names_its_conditions'
CONVERTED = 'tests/tools/test_convert_checkpoint.py::test_the_tool_reports_and_does_not_overwrite'
DEMO = 'tests/tools/test_run_demo.py::test_demo_leaves_numbers_and_pictures'
EXPORTED = 'tests/deploy/test_export_tool.py::test_tool_checks_what_is_there'
EXPLAINED = (
    'tests/commands/test_explain.py::test_a_page_and_panels_are_written_and_replaced_only_when_told'
)
SCENES = 'tests/synthetic/test_written_sets.py::test_existing_sets'
TOOLS = 'tests/tools/test_train_and_test.py'
RUNNERS = 'tests/tools/test_run_onnx.py'
OWN_COMMANDS = 'tests/commands/test_flags_of_commands.py'
OWN_TOOLS = 'tests/tools/test_flags_of_tools.py'
CHECK = 'tests/lite/data/test_check.py'


def held(names: str, test: str) -> dict[str, str]:
    """The same test for several flags."""
    return dict.fromkeys(names.split(), test)


COMMON = {
    '--work-dir': f'{TOOLS}::test_two_processes',
    '--show-dir': 'tests/engine/hooks/test_draw_predictions.py'
    '::test_every_third_image_is_drawn_where_it_was_asked_for',
    '--interval': 'tests/engine/hooks/test_draw_predictions.py'
    '::test_every_third_image_is_drawn_where_it_was_asked_for',
    '--show': f'{OWN_COMMANDS}::test_windows_are_asked_of_the_hook_that_draws',
    '--wait-time': f'{OWN_COMMANDS}::test_windows_are_asked_of_the_hook_that_draws',
    '--cfg-options': f'{TOOLS}::test_test_writes_metrics_and_predictions',
    '--launcher': f'{TOOLS}::test_two_processes',
}
#: command or tool -> flag -> the test that shows what it does, here or in another file
HELD: dict[str, dict[str, str]] = {
    'predict': {
        **held(
            '--out --format --no-draw --annotations --score-thr --visible-thr --max-frames '
            '--config --checkpoint --device --overwrite',
            f'{OWN_COMMANDS}::test_flags_of_predict',
        ),
        '--precision': 'tests/inference/test_precision.py'
        '::test_a_predictor_that_chooses_is_one_of_the_others',
        '--onnx': f'{RUNNERS}::test_the_command_writes_the_same_poses_in_mmposes_format',
    },
    'explain': {
        **held(
            '--picture --score-thr --config --checkpoint --device --overwrite',
            EXPLAINED,
        ),
        '--out': 'tests/commands/test_explain.py::test_the_photograph_model_is_the_default',
        '--visible-thr': f'{OWN_COMMANDS}'
        '::test_less_visible_keypoints_are_left_out_of_an_explanation',
    },
    'train': {
        '--resume': f'{TOOLS}::test_resume_goes_on_with_the_log',
        '--amp': f'{OWN_COMMANDS}::test_mixed_precision_is_said_to_need_a_gpu',
        '--no-validate': f'{TOOLS}::test_auto_resume_without_a_checkpoint_starts',
        '--auto-scale-lr': f'{TOOLS}::test_auto_resume_without_a_checkpoint_starts',
        **COMMON,
    },
    'test': {
        **held('--out --dump', f'{TOOLS}::test_test_writes_metrics_and_predictions'),
        **COMMON,
    },
    'export': {
        **held(
            '--check --check-only --images --sides --precision --threads --cfg-options',
            EXPORTED,
        ),
        '--overwrite': 'tests/deploy/test_export.py::test_nothing_is_overwritten',
        '--half-weights': 'tests/deploy/test_half_weights.py'
        '::test_half_the_size_and_the_same_results_where_weights_are_exact',
    },
    'convert': held('--config --overwrite --verbose', CONVERTED),
    'data': {
        'check --images': f'{CHECK}::test_a_good_file_is_summarized',
        'check --sizes': f'{CHECK}::test_a_good_file_is_summarized',
        'check --root': f'{CHECK}::test_a_set_that_is_there',
        'check --max-lines': f'{CHECK}::test_all_problems_are_listed_up_to_a_number',
        **dict.fromkeys(
            (f'init {flag}' for flag in ('--images', '--out', '--samples', '--iterations')),
            f'{OWN_COMMANDS}::test_flags_of_data_init',
        ),
        'init --overwrite': f'{OWN_COMMANDS}::test_flags_of_data_init',
        'init --val': f'{CHECK}::test_two_files_of_different_keypoints_are_refused',
        'init --val-images': f'{CHECK}::test_two_files_of_different_keypoints_are_refused',
        'init --name': f'{CHECK}::test_a_config_with_keypoints_weights_and_samples',
        'select --keypoints': 'tests/lite/data/test_select.py'
        '::test_keypoints_come_in_the_order_asked_for',
        'select --overwrite': 'tests/lite/data/test_select.py'
        '::test_keypoints_come_in_the_order_asked_for',
    },
    'benchmark.py': {
        **held('--size --people --repeats --threads --quick --json', COMPARED),
        '--overwrite': COMPARED,
        '--plots': COMPARED,
        '--compile': f'{BENCHMARK}::test_compiled_code_is_measured_if_asked_for',
        '--save': f'{RATIOS_KEPT}::test_results_of_processors_stay_side_by_side',
        '--baseline': f'{BENCHMARK}::test_a_baseline_is_measured_and_named_in_the_results',
        '--roofline': f'{ROOFLINE}::test_parts_and_operators_add_up_to_a_prediction',
        '--only': f'{BENCHMARK}::test_only_the_parts_that_are_named_are_measured',
        '--batch': f'{BENCHMARK}::test_batches_are_compared_with_single_images',
        '--flip': f'{BENCHMARK}::test_combinations_start_where_ratios_are_taken',
        '--seconds': f'{CLOCK}::test_alternation_counts_rounds_and_stops_at_the_limit',
        '--device': f'{OWN_TOOLS}::test_a_gpu_that_is_not_there_is_said_in_one_line',
    },
    'draw_poses.py': held(
        '--num --first --columns --side --score-thr --visible-thr --device --overwrite',
        f'{OWN_TOOLS}::test_flags_of_draw_poses',
    ),
    'make_pictures.py': held(
        '--out --overwrite',
        'tests/tools/test_make_pictures.py::test_pictures_of_the_pages_are_made',
    ),
    'make_synthetic.py': {
        **held('--preset --num --seed --size --quiet --overwrite', SCENES),
        '--format': 'tests/synthetic/test_written_sets.py::test_read_by_stock_datasets',
        '--workers': 'tests/synthetic/test_written_sets.py::test_workers_write_the_same_set',
        '--speed': 'tests/synthetic/test_written_sets.py::test_speed_option',
    },
    'publish_checkpoint.py': {
        '--half': f'{TOOLS}::test_published_checkpoints_are_small_and_load',
        '--overwrite': f'{TOOLS}::test_published_checkpoints_are_small_and_load',
    },
    'run_demo.py': {
        **held(
            '--work-dir --data-root --max-iters --num-train --num-val --pictures',
            DEMO,
        ),
        '--config': f'{OWN_TOOLS}::test_the_config_of_the_demo_is_looked_for_first',
    },
    'run_onnx.py': {
        '--out': f'{RUNNERS}::test_folder_gives_the_poses_of_the_eager_model',
        '--score-thr': f'{RUNNERS}::test_folder_gives_the_poses_of_the_eager_model',
        '--overwrite': f'{RUNNERS}::test_mistakes_end_in_one_line',
        '--cuda': f'{OWN_TOOLS}::test_a_gpu_that_is_not_there_is_said_in_one_line',
    },
    'train_grouping.py': held(
        '--out --views --epochs --batch-size --max-images --seed --cfg-options --overwrite',
        f'{OWN_TOOLS}::test_flags_of_train_grouping',
    ),
    'count_parameters.py': {},
    'make_model_index.py': {},
    'setup_env.py': {},
}


class Parsed(BaseException):
    """Carries the parser of a tool out of it."""


def flags(parser: argparse.ArgumentParser, prefix: str = '') -> Iterator[str]:
    """Flags that the help shows, those of actions with their name before them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from flags(inner, f'{name} ')
        elif action.option_strings and action.help != argparse.SUPPRESS and action.dest != 'help':
            yield prefix + action.option_strings[0]


def test_every_flag_has_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(parser: argparse.ArgumentParser, *args: object, **kwargs: object) -> None:
        raise Parsed(parser)

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', stop)
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    shown = {}
    for name, command in COMMANDS.items():
        monkeypatch.setattr(sys, 'argv', [f'centergroup {name}'])
        with pytest.raises(Parsed) as found:
            importlib.import_module(command.module).main()
        shown[name] = set(flags(found.value.args[0]))
    same = {command.tool for command in COMMANDS.values()}
    for path in sorted((ROOT / 'tools').glob('*.py')):
        text = path.read_text()
        if path.name in same:
            assert 'add_argument' not in text  # it calls the command
            continue
        assert 'parse_args' in text, f'{path} takes what it is given'
        monkeypatch.setattr(sys, 'argv', [str(path)])
        with pytest.raises(Parsed) as found:
            runpy.run_path(str(path), run_name='__main__')
        shown[path.name] = set(flags(found.value.args[0]))
    assert {name: set(held) for name, held in HELD.items()} == shown
    tests = {test for held in HELD.values() for test in held.values()}
    for test in tests:
        path, _, function = test.rpartition('::')
        text = (ROOT / path).read_text()
        assert re.search(rf'^def {function}\(', text, re.MULTILINE), test
