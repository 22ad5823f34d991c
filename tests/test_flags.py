"""Every flag of every command and tool has its effect, or is refused in one line.

The flags are read from the parsers, so a new one without a test fails here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from centergroup_lite.commands import COMMANDS
from centergroup_lite.main import main
from centergroup_mm.synthetic import write_dataset
from centergroup_mm.zoo import weights_of

from .conftest import ROOT
from .helpers import exported
from .helpers.skeletons import write_dataset as write_people
from .helpers.tools import run_tool

CONFIG = ROOT / 'configs' / 'centergroup_small256_synthetic.py'
TOY = ROOT / 'tests' / 'helpers' / 'toy_config.py'
BENCHMARK = 'tests/tools/test_benchmark.py'
COMPARED = f'{BENCHMARK}::test_quick_fills_every_ratio_and_names_its_conditions'
CONVERTED = 'tests/tools/test_convert_checkpoint.py::test_the_tool_reports_and_does_not_overwrite'
DEMO = 'tests/tools/test_run_demo.py::test_demo_leaves_numbers_and_pictures'
EXPORTED = 'tests/deploy/test_export.py::test_tool_checks_what_is_there'
EXPLAINED = (
    'tests/commands/test_explain.py::test_a_page_and_panels_are_written_and_replaced_only_when_told'
)
SCENES = 'tests/synthetic/test_synthetic.py::test_existing_sets'
TOOLS = 'tests/tools/test_train_and_test.py'
RUNNERS = 'tests/tools/test_run_onnx.py'
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
    '--show': 'test_windows_are_asked_of_the_hook_that_draws',
    '--wait-time': 'test_windows_are_asked_of_the_hook_that_draws',
    '--cfg-options': f'{TOOLS}::test_test_writes_metrics_and_predictions',
    '--launcher': f'{TOOLS}::test_two_processes',
}
#: command or tool -> flag -> the test that shows what it does, here or in another file
HELD: dict[str, dict[str, str]] = {
    'predict': {
        **held(
            '--out --format --no-draw --annotations --score-thr --visible-thr --max-frames '
            '--config --checkpoint --device --overwrite',
            'test_flags_of_predict',
        ),
        '--onnx': f'{RUNNERS}::test_the_command_writes_the_same_poses_in_mmposes_format',
    },
    'explain': {
        **held(
            '--picture --score-thr --config --checkpoint --device --overwrite',
            EXPLAINED,
        ),
        '--out': 'tests/commands/test_explain.py::test_the_photograph_model_is_the_default',
        '--visible-thr': 'test_less_visible_keypoints_are_left_out_of_an_explanation',
    },
    'train': {
        '--resume': f'{TOOLS}::test_resume_goes_on_with_the_log',
        '--amp': 'test_mixed_precision_is_said_to_need_a_gpu',
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
            'test_flags_of_data_init',
        ),
        'init --overwrite': 'test_flags_of_data_init',
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
        '--save': f'{BENCHMARK}::test_results_of_processors_stay_side_by_side',
        '--baseline': f'{BENCHMARK}::test_a_baseline_is_measured_and_named_in_the_results',
        '--roofline': f'{BENCHMARK}::test_parts_and_operators_add_up_to_a_prediction',
        '--only-whole': f'{BENCHMARK}'
        '::test_whole_predictions_are_compared_until_it_is_known_which_are_faster',
        '--batch': f'{BENCHMARK}::test_batches_are_compared_in_the_same_rounds',
        '--flip': f'{BENCHMARK}::test_combinations_start_where_ratios_are_taken',
        '--seconds': f'{BENCHMARK}::test_alternation_counts_rounds_and_stops_at_the_limit',
        '--device': 'test_a_gpu_that_is_not_there_is_said_in_one_line',
    },
    'draw_poses.py': held(
        '--num --first --columns --side --score-thr --visible-thr --device --overwrite',
        'test_flags_of_draw_poses',
    ),
    'make_pictures.py': held(
        '--out --overwrite',
        'tests/tools/test_make_pictures.py::test_pictures_of_the_pages_are_made',
    ),
    'make_synthetic.py': {
        **held('--preset --num --seed --size --quiet --overwrite', SCENES),
        '--format': 'tests/synthetic/test_synthetic.py::test_read_by_stock_datasets',
        '--workers': 'tests/synthetic/test_synthetic.py::test_workers_write_the_same_set',
        '--speed': 'tests/synthetic/test_synthetic.py::test_speed_option',
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
        '--config': 'test_the_config_of_the_demo_is_looked_for_first',
    },
    'run_onnx.py': {
        '--out': f'{RUNNERS}::test_folder_gives_the_poses_of_the_eager_model',
        '--score-thr': f'{RUNNERS}::test_folder_gives_the_poses_of_the_eager_model',
        '--overwrite': f'{RUNNERS}::test_mistakes_end_in_one_line',
        '--cuda': 'test_a_gpu_that_is_not_there_is_said_in_one_line',
    },
    'train_grouping.py': held(
        '--out --views --epochs --batch-size --max-images --seed --cfg-options --overwrite',
        'test_flags_of_train_grouping',
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


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run a command, or a script of ``tools/``, in this process and in an empty folder."""

    def run(name: str, *arguments: object) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(ROOT / 'tools'))
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            if name in COMMANDS:
                sys.exit(main([name, *map(str, arguments)]))
            runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
        return int(end.value.code or 0), ''.join(capfd.readouterr())

    return run


def refused(result: tuple[int, str], *words: str) -> bool:
    """Whether a call ended in one line that has these words."""
    line = result[1].strip().splitlines()[-1]
    return result[0] == 2 and 'Traceback' not in result[1] and all(word in line for word in words)


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
        text = (ROOT / path if path else Path(__file__)).read_text()
        assert re.search(rf'^def {function}\(', text, re.MULTILINE), test


@pytest.fixture(scope='module')
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('scenes')
    write_dataset(folder, 'demo', 3, 5, (96, 96), progress=False)
    return folder


@pytest.mark.slow
def test_flags_of_predict(scenes: Path, tmp_path: Path, call: Callable) -> None:
    image = sorted((scenes / 'images').iterdir())[0]
    weights = weights_of('centergroup_small_synthetic')
    model = ('--config', CONFIG, '--checkpoint', weights, '--device', 'cpu')

    def predict(out: str, *options: object, source: Path = image) -> set[str]:
        status, output = call('predict', source, *model, '--out', tmp_path / out, *options)
        assert status == 0, output
        return {path.name for path in (tmp_path / out).rglob('*') if path.is_file()}

    drawing, poses = f'{image.stem}_poses.jpg', f'{image.stem}_poses.json'
    files = predict('all', '--format', 'json', 'coco', 'csv')
    assert {drawing, poses} < files and any(name.endswith('.csv') for name in files)
    assert predict('no_drawing', '--no-draw') == {poses}
    assert len(json.loads((tmp_path / 'all' / poses).read_text())) > 0
    predict('nobody', '--score-thr', '2')
    assert json.loads((tmp_path / 'nobody' / poses).read_text()) == []
    predict('hidden', '--visible-thr', '2')
    first, second = (cv2.imread(str(tmp_path / out / drawing)) for out in ('all', 'hidden'))
    assert np.any(first != second)
    content = json.loads((scenes / 'person_keypoints.json').read_text())
    ids = {entry['file_name']: 900 + entry['id'] for entry in content['images']}
    named = [dict(id=number, file_name=name) for name, number in ids.items()]
    (tmp_path / 'ids.json').write_text(json.dumps({**content, 'images': named, 'annotations': []}))
    results = predict('ids', '--format', 'coco', '--annotations', tmp_path / 'ids.json')
    text = next(tmp_path / 'ids' / name for name in results if name.endswith('.json')).read_text()
    assert {entry['image_id'] for entry in json.loads(text)} == {ids[image.name]}
    video = cv2.VideoWriter(
        str(tmp_path / 'film.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 5, (96, 96)
    )
    for _ in range(4):
        video.write(cv2.imread(str(image)))
    video.release()
    predict('film', '--max-frames', '2', '--no-draw', source=tmp_path / 'film.avi')
    assert len(json.loads((tmp_path / 'film' / 'film_poses.json').read_text())) == 2
    again = (image, *model, '--out', tmp_path / 'all')
    assert refused(call('predict', *again), '--overwrite')
    assert call('predict', *again, '--overwrite')[0] == 0


@pytest.mark.slow
def test_flags_of_draw_poses(scenes: Path, tmp_path: Path, call: Callable) -> None:
    model = (CONFIG, weights_of('centergroup_small_synthetic'), scenes / 'images')

    def draw(out: str, *options: object) -> np.ndarray:
        assert call('draw_poses.py', *model, out, '--device', 'cpu', *options)[0] == 0
        return cv2.imread(str(tmp_path / out))

    row = draw('row.png', '--side', '64')
    column = draw('column.png', '--side', '64', '--columns', '1')
    assert column.shape[0] > 2 * row.shape[0] and row.shape[1] > 2 * column.shape[1]
    two = draw('two.png', '--side', '64', '--columns', '1', '--num', '2')
    rest = draw('rest.png', '--side', '64', '--columns', '1', '--first', '2')
    assert column.shape[0] > two.shape[0] > rest.shape[0]
    assert draw('large.png', '--side', '128').shape[0] > row.shape[0]
    for flag in ('--score-thr', '--visible-thr'):
        assert np.any(draw(f'{flag[2:]}.png', '--side', '64', flag, '2') != row)
    assert refused(call('draw_poses.py', *model, 'row.png'), '--overwrite')
    draw('row.png', '--overwrite')


def test_flags_of_data_init(tmp_path: Path, call: Callable) -> None:
    people = write_people(tmp_path / 'data', ('head', 'left_hand', 'right_hand', 'tail', 'neck'))
    words = ('data', 'init', people, '--images', tmp_path / 'data/images', '--out', 'out')
    status, output = call(*words, '--samples', '1', '--iterations', '777')
    assert status == 0, output
    assert 'max_iters = 777' in (tmp_path / 'out/my_data.py').read_text()
    one = cv2.imread(str(tmp_path / 'out/my_data_samples.jpg'))
    assert refused(call(*words), '--overwrite')
    assert call(*words, '--samples', '2', '--overwrite')[0] == 0
    assert cv2.imread(str(tmp_path / 'out/my_data_samples.jpg')).shape[1] > one.shape[1]


@pytest.mark.parametrize('name', ['train', 'test'])
def test_windows_are_asked_of_the_hook_that_draws(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = importlib.import_module(f'centergroup_mm.commands.{name}')
    words = [str(TOY)] + ['weights.pth'] * (name == 'test')
    options = ['--show', '--wait-time', '2.5', '--interval', '3', '--show-dir', str(tmp_path)]
    monkeypatch.setattr(sys, 'argv', [name, *words, *options])
    hook = command.configure(command.parse_args()).default_hooks.draw_predictions
    assert (hook.show, hook.wait_time, hook.interval) == (True, 2.5, 3)
    assert hook.out_dir == str(tmp_path)


@pytest.mark.slow
def test_mixed_precision_is_said_to_need_a_gpu(tmp_path: Path) -> None:
    short = ('--no-validate', '--cfg-options', 'train_cfg.max_epochs=1')
    done = run_tool('tools/train.py', TOY, '--amp', '--work-dir', 'run', *short, cwd=tmp_path)
    assert done.status == 0 and 'full precision instead of AMP' in done.output, done.output


@pytest.mark.skipif(exported.torch.cuda.is_available(), reason='there is a GPU')
def test_a_gpu_that_is_not_there_is_said_in_one_line(tmp_path: Path, call: Callable) -> None:
    (tmp_path / 'model.onnx').write_bytes(b'')
    (tmp_path / 'image.png').write_bytes(b'')
    assert refused(call('run_onnx.py', 'model.onnx', 'image.png', '--cuda'), 'CUDA')
    assert refused(call('benchmark.py', '--device', 'cuda', '--quick'), '--device')


def test_the_config_of_the_demo_is_looked_for_first(tmp_path: Path, call: Callable) -> None:
    assert refused(call('run_demo.py', '--config', 'missing.py'), 'missing.py')
    assert list(tmp_path.iterdir()) == []


def test_less_visible_keypoints_are_left_out_of_an_explanation(
    scenes: Path, tmp_path: Path, call: Callable
) -> None:
    config = exported.short_config()
    words = (sorted((scenes / 'images').iterdir())[0], '--device', 'cpu', '--score-thr', '0')
    words = (*words, '--config', config, '--checkpoint', exported.checkpoint(config))
    pages = []
    for least in ('0', '2'):
        picture = tmp_path / f'panels_{least}.png'
        options = ('--out', f'{least}.html', '--picture', picture, '--visible-thr', least)
        status, output = call('explain', *words, *options)
        assert status == 0, output
        pages.append(cv2.imread(str(picture)))
    assert pages[0].shape != pages[1].shape or np.any(pages[0] != pages[1])


@pytest.mark.slow
def test_flags_of_train_grouping(scenes: Path, tmp_path: Path, call: Callable) -> None:
    weights = weights_of('centergroup_movenet_photos')
    data = 'grouping_dataloader.dataset.'
    options = [f'{data}data_root={scenes}', f'{data}ann_file=person_keypoints.json']
    options += [f'{data}data_prefix.img=images']

    def train(out: str, *words: object) -> tuple[int, str]:
        words = (*words, '--views', 2, '--max-images', 2, '--out', out, '--cfg-options', *options)
        config = ROOT / 'configs' / 'centergroup_movenet_photos.py'
        return call('train_grouping.py', config, weights, *words)

    status, output = train('one.pth', '--epochs', 1, '--batch-size', 2, '--seed', 1)
    assert status == 0, output
    assert 'detector: 4 of 4 views' in output and 'epoch 1 of 1:' in output
    assert train('batch.pth', '--epochs', 1, '--batch-size', 4, '--seed', 1)[0] == 0
    assert train('seed.pth', '--epochs', 1, '--batch-size', 2, '--seed', 2)[0] == 0
    first, *others = (exported.torch.load(tmp_path / f'{name}.pth', weights_only=True)
                      for name in ('one', 'batch', 'seed'))  # fmt: skip
    for other in others:
        assert any((other['state_dict'][key] != x).any() for key, x in first['state_dict'].items())
    assert refused(train('one.pth', '--epochs', 1), '--overwrite')
    assert train('one.pth', '--epochs', 1, '--overwrite')[0] == 0
