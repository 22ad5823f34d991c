"""Commands of README and docs run, or say by one of their words what they need.

The table in docs/README.md lists these words. Everything else is run, here or by a test of its own.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from fnmatch import fnmatch
from pathlib import Path

import cv2
import pytest
from matplotlib import cbook

from centergroup_mm.synthetic import write_dataset as write_scenes

from .conftest import ROOT
from .helpers import exported
from .helpers.skeletons import write_dataset
from .helpers.tools import run_tool
from .test_docs import PAGES, commands

#: beginnings of commands that set up, test or serve; .ci/run and the pages' own readers run them
PLAIN = ('make ', 'python -m pytest', 'python -m http.server')
SMALL = 'configs/centergroup_small_synthetic.py centergroup_mm/zoo/centergroup_small_synthetic.pth'
#: command -> a word of what it prints, or the message it ends with
RUN = {
    'centergroup data check coco': 'missing',
    'centergroup data check people.json --images photos/ --sizes': '8 people',
    'centergroup data select people.json hands.json --keypoints left_wrist right_wrist': '2 keyp',
    'centergroup data init train.json --images photos/ --val val.json --val-images photos/': 'next',
    'centergroup predict PHOTO.jpg': '1 person',
    'centergroup predict PHOTO.jpg --precision auto': '1 person',
    'centergroup explain PHOTO.jpg': 'PHOTO_explained.html',
    'centergroup explain PHOTO.jpg --picture panels.jpg': 'panels.jpg',
}
SLOW = {
    'centergroup test centergroup_small_synthetic centergroup_mm://centergroup_small_synthetic': (
        'coco/AP'
    ),
    'centergroup test centergroup_small_synthetic centergroup_mm://centergroup_small_synthetic '
    '--show-dir pictures --cfg-options model.test_cfg.output_attention=True': 'coco/AP',
    f'python tools/test.py {SMALL}': 'coco/AP',
    f'python tools/test.py {SMALL} --cfg-options test_cfg.fp16=True': 'coco/AP',
    f'python tools/draw_poses.py {SMALL} data/synthetic/full_val/images poses.jpg --num 6 '
    '--side 384': '',
    'python -m centergroup_mm inferencer_demo PHOTO.jpg --pose2d centergroup --vis-out-dir drawn': (
        ''
    ),
    'python -m centergroup_mm get_flops configs/centergroup_w32_coco.py --input-shape 512 512': (
        'Flops'
    ),
    'centergroup predict PHOTO.jpg --onnx model.onnx': 'PHOTO_poses.jpg',
    'centergroup predict IMAGE_FOLDER_OR_VIDEO --onnx model.onnx --out results': 'results',
}
#: command -> the test that runs it, smaller, as file::name
ELSEWHERE = {
    'python projects/evidence/photographs/run.py --report --out '
    'projects/evidence/photographs/reduced': (
        'projects/evidence/photographs/tests/test_photo_study.py'
        '::test_the_documents_have_the_intervals_of_the_matches'
    ),
    'python projects/reliability/thin.py': (
        'projects/reliability/tests/test_thin.py::test_a_thin_image'
    ),
    'python projects/evidence/photographs/run.py --report --out projects/evidence/photographs': (
        'projects/evidence/photographs/tests/test_photo_study.py'
        '::test_the_documents_have_the_intervals_of_the_matches'
    ),
    'python projects/reliability/gradients.py': (
        'projects/reliability/tests/test_gradients.py'
        '::test_gradients_of_two_processes_are_those_of_the_double_batch'
    ),
    'python projects/reliability/memory.py': (
        'projects/reliability/tests/test_steadiness.py'
        '::test_predictions_of_changing_sizes_leave_nothing'
    ),
    'python projects/reliability/determinism.py': (
        'projects/reliability/tests/test_steadiness.py::test_predictions_repeat_bit_for_bit'
    ),
    'python projects/reliability/bf16.py': (
        'projects/reliability/tests/test_steadiness.py'
        '::test_losses_under_bfloat16_are_finite_and_near_those_of_float32'
    ),
    'python projects/reliability/scaling.py': (
        'projects/reliability/tests/test_scaling.py::test_a_ring_sends_almost_twice_the_gradients'
    ),
    'python projects/reliability/versions.py --help': (
        'projects/reliability/tests/test_versions.py'
        '::test_what_has_a_result_is_not_run_again_and_goes_into_the_page'
    ),
    'python projects/reliability/fuzz.py': (
        'projects/reliability/tests/test_fuzz.py::test_a_few_cases_of_each_kind'
    ),
    'python -m build': 'tests/test_wheel.py::test_the_wheel_is_whole',
    'python -m centergroup_lite': (
        'tests/lite/test_main.py::test_help_needs_no_torch_and_comes_within_a_second'
    ),
    'python tools/make_model_index.py': (
        'tests/zoo/test_models.py::test_the_files_are_those_of_the_table'
    ),
    'python tools/make_pictures.py --overwrite': (
        'tests/tools/test_make_pictures.py::test_pictures_of_the_pages_are_made'
    ),
    'python tools/count_parameters.py': (
        'tests/tools/test_count_parameters.py::test_the_printed_table'
    ),
    'python tools/benchmark.py --roofline --size 512x512 --threads 1 --repeats 3': (
        'tests/tools/benchmarking/test_roofline.py::test_parts_and_operators_add_up_to_a_prediction'
    ),
    'python tools/benchmark.py --size 512x512 --flip on --people 1 25 30 --repeats 20 '
    '--seconds 170 --save': (
        'tests/tools/benchmarking/test_results.py::test_results_of_processors_stay_side_by_side'
    ),
    'python tools/benchmark.py --size 512x512 --flip on --device cuda --compile --save': (
        'tests/tools/test_benchmark.py::test_compiled_code_is_measured_if_asked_for'
    ),
    'centergroup export CONFIG.py CHECKPOINT.pth model.onnx --half-weights': (
        'tests/deploy/test_half_weights.py::'
        'test_half_the_size_and_the_same_results_where_weights_are_exact'
    ),
    'python tools/benchmark.py --compile': (
        'tests/tools/test_benchmark.py::test_compiled_code_is_measured_if_asked_for'
    ),
    'python tools/benchmark.py --baseline centergroup_offsets.benchmark:OffsetsBaseline': (
        'tests/tools/test_benchmark.py::test_a_baseline_is_measured_and_named_in_the_results'
    ),
    f'centergroup export {SMALL} small.onnx --check': (
        'tests/deploy/test_export_tool.py::test_tool_checks_what_is_there'
    ),
    'python tools/make_synthetic.py data/synthetic/': (
        'tests/synthetic/test_written_sets.py::test_existing_sets'
    ),
    'python tools/train.py projects/offsets/configs/offsets_tiny_synthetic.py': (
        'projects/offsets/tests/test_offsets_training.py'
        '::test_the_command_of_the_config_works_without_installing'
    ),
    'python projects/reliability/kill_resume.py --kills 10 --seed 0': (
        'tests/engine/hooks/test_resuming.py'
        '::test_a_kill_between_a_checkpoint_and_its_name_is_repaired'
    ),
    'python projects/evidence/synthetic/run.py --rows hrnet cid --seeds 0 --iterations 200': (
        'projects/evidence/synthetic/tests/test_crowd_study.py::test_a_study_trains_and_goes_on'
    ),
    'python projects/evidence/synthetic/report.py projects/evidence/synthetic/results --readme '
    'projects/evidence/synthetic/README.md': (
        'projects/evidence/synthetic/tests/test_crowd_study.py'
        '::test_the_report_puts_its_table_into_a_page'
    ),
}


def known_words() -> list[str]:
    """Patterns of the table of what commands need."""
    text = (ROOT / 'docs' / 'README.md').read_text().partition('## What commands need')[2]
    rows = re.findall(r'^\| (`.*?) \|', text, re.MULTILINE)
    return [word.replace('…', '*') for row in rows for word in re.findall(r'`([^`]+)`', row)]


def all_commands() -> dict[str, str]:
    """Every command of the pages, with the name of one of them."""
    found = {}
    for page in PAGES:
        if page.name != 'CHANGELOG.md':  # what was
            for words in commands(page):
                found[' '.join(words)] = page.name
    return found


def is_covered(command: str) -> bool:
    """Whether a command is run, or says what it needs."""
    if command in RUN or command in SLOW or command.startswith(PLAIN):
        return True
    if command in ELSEWHERE or any(known.startswith(f'{command} ') for known in RUN):
        return True  # or only the name of one that is run
    if any(known.endswith(('/', 'fuzz.py')) and command.startswith(known) for known in ELSEWHERE):
        return True
    return any(fnmatch(word, pattern) for word in command.split() for pattern in known_words())


def test_every_command_is_run_or_says_what_it_needs():
    assert len(known_words()) > 10 and not is_covered('centergroup predict OTHER.jpg')
    found = all_commands()
    assert [
        f'{page}: {command}' for command, page in found.items() if not is_covered(command)
    ] == []
    # and the tables have nothing that the pages no longer say
    gone = [command for command in (*RUN, *SLOW) if command not in found]
    assert gone == []


@pytest.mark.parametrize('test', sorted(set(ELSEWHERE.values())))
def test_the_tests_that_run_others_are_there(test):
    path, _, name = test.partition('::')
    assert f'def {name}(' in (ROOT / path).read_text()


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """A folder as a reader has it: a photograph, annotations, scenes, the repository's files."""
    folder = tmp_path_factory.mktemp('reader')
    for name in ('configs', 'tools', 'centergroup_mm'):
        (folder / name).symlink_to(ROOT / name)
    with cbook.get_sample_data('grace_hopper.jpg') as file:
        (folder / 'PHOTO.jpg').write_bytes(file.read())
    people = write_dataset(folder / 'mine', ('nose', 'left_wrist', 'right_wrist'))
    shutil.move(folder / 'mine' / 'images', folder / 'photos')
    for name in ('people.json', 'train.json', 'val.json'):
        (folder / name).write_text(json.dumps(json.loads(people.read_text())))
    return folder


def run(command: str, folder: Path, printed: str) -> None:
    """Run a command in a folder."""
    for made in (*folder.glob('*_poses.*'), *folder.glob('*_explained.html')):
        made.unlink()  # by another command
    words = shlex.split(command)
    if words[0] == 'centergroup':
        script, rest = '-m centergroup_lite', words[1:]
    elif words[1] == '-m':
        script, rest = f'-m {words[2]}', words[3:]
    else:
        script, rest = words[1], words[2:]
    done = run_tool(script, *rest, cwd=folder)
    assert done.status == (2 if printed == 'missing' else 0), done.output[-2000:]
    assert printed in done.output
    if '--show-dir' in words:  # panels of keypoints, attention and poses, and no single pictures
        drawn = [cv2.imread(str(path)) for path in (folder / 'pictures').iterdir()]
        assert len(drawn) == 6 and all(min(image.shape[:2]) > 4 * 256 for image in drawn)


@pytest.mark.parametrize('command', list(RUN))
def test_a_command_runs(command, folder):
    run(command, folder, RUN[command])


@pytest.mark.slow
@pytest.mark.parametrize('command', list(SLOW))
def test_a_command_that_takes_longer_runs(command, folder):
    if 'model.onnx' in command:
        if not exported.CAN_WRITE_ONNX:
            pytest.skip('this torch is too old to write ONNX')
        shutil.copy(exported.onnx_file(), folder / 'model.onnx')
        (folder / 'IMAGE_FOLDER_OR_VIDEO').mkdir(exist_ok=True)
        shutil.copy(folder / 'PHOTO.jpg', folder / 'IMAGE_FOLDER_OR_VIDEO')
    scenes = folder / 'data' / 'synthetic' / 'full_val'
    if not scenes.is_dir():
        write_scenes(scenes, 'full', 6, 2, (256, 256), progress=False)
    run(command, folder, SLOW[command])
