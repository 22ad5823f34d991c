"""Flags of ``centergroup`` have their effect, those that no other file tests."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from centergroup_mm.zoo import weights_of

from ..conftest import ROOT
from ..helpers import exported
from ..helpers.skeletons import write_dataset as write_people
from ..helpers.tools import refused, run_tool

CONFIG = ROOT / 'configs' / 'centergroup_small256_synthetic.py'
TOY = ROOT / 'tests' / 'helpers' / 'toy_config.py'


@pytest.mark.slow
def test_flags_of_predict(three_scenes: Path, tmp_path: Path, call: Callable) -> None:
    image = sorted((three_scenes / 'images').iterdir())[0]
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
    content = json.loads((three_scenes / 'person_keypoints.json').read_text())
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


def test_less_visible_keypoints_are_left_out_of_an_explanation(
    three_scenes: Path, tmp_path: Path, call: Callable
) -> None:
    config = exported.short_config()
    words = (sorted((three_scenes / 'images').iterdir())[0], '--device', 'cpu', '--score-thr', '0')
    words = (*words, '--config', config, '--checkpoint', exported.checkpoint(config))
    pages = []
    for least in ('0', '2'):
        picture = tmp_path / f'panels_{least}.png'
        options = ('--out', f'{least}.html', '--picture', picture, '--visible-thr', least)
        status, output = call('explain', *words, *options)
        assert status == 0, output
        pages.append(cv2.imread(str(picture)))
    assert pages[0].shape != pages[1].shape or np.any(pages[0] != pages[1])


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
