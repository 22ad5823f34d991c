"""A full disk ends a command in one line, and what was there before is still there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import mmcv
import mmengine
import numpy as np
import pytest
import torch
from mmengine.fileio.backends import registry_utils
from mmengine.logging import MMLogger

from centergroup_lite.errors import UserError
from centergroup_lite.session import Plan, run
from centergroup_lite.sources import find_sources
from centergroup_mm.commands.test import SaveMetricHook
from centergroup_mm.deploy.export import export_onnx, export_program
from centergroup_mm.engine.log_files import end_with_log_file
from centergroup_mm.engine.storage import write_all_whole
from centergroup_mm.synthetic import write_dataset

from .conftest import ROOT
from .helpers.exported import needs_onnx
from .helpers.full_disk import files_at_most
from .helpers.tools import last_error, refused, run_tool
from .lite.spots import Spots, image_of

TOY = ROOT / 'tests' / 'helpers' / 'toy_config.py'


def write_sources(folder: Path) -> None:
    """Write a photograph and a video of noise, on which the drawing is as large."""
    frames = np.random.default_rng(0).integers(0, 100, (6, 96, 128, 3), np.uint8)
    frames[:, 20:40, 20:60] = image_of((0, 0, 60), size=(20, 40))
    cv2.imwrite(str(folder / 'photo.png'), frames[0])
    code = cv2.VideoWriter.fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(folder / 'film.mp4'), code, 5, (128, 96))
    for frame in frames:
        writer.write(frame)
    writer.release()


@pytest.mark.parametrize(
    ('source', 'how', 'name', 'size'),
    [
        ('photo.png', dict(draw=False), 'photo_poses.json', 40),
        ('film.mp4', dict(draw=False), 'film_poses.json', 400),
        ('photo.png', dict(draw=False, formats=['coco']), 'poses_coco.json', 40),
        ('photo.png', dict(draw=False, formats=['json', 'csv']), 'poses.csv', 140),
        ('photo.png', dict(formats=[]), 'photo_poses.jpg', 400),
        ('film.mp4', dict(formats=[]), 'film_poses.mp4', 40),  # not even a header
        ('film.mp4', dict(formats=[]), 'film_poses.mp4', 4000),
    ],
)
def test_results_of_predict(source: str, how: dict, name: str, size: int, tmp_path: Path) -> None:
    write_sources(tmp_path)
    out = tmp_path / 'out'
    out.mkdir()
    (out / name).write_text('of an earlier run')
    plan = Plan(out, overwrite=True, **how)
    with files_at_most(size), pytest.raises(UserError) as caught:
        run(Spots(), find_sources([str(tmp_path / source)]), plan)
    assert str(caught.value).startswith(f'{out / name} cannot be written: '), caught.value
    assert (out / name).read_text() == 'of an earlier run'
    assert not list(out.glob('.*')), 'what was begun is removed'


@pytest.mark.parametrize('workers', [0, 2])
def test_drawn_scenes(workers: int, tmp_path: Path, call: Callable) -> None:
    out = tmp_path / 'set'
    write_dataset(out, 'demo', 2, 0, (64, 64), progress=False)
    before = {path: path.read_bytes() for path in out.rglob('*') if path.is_file()}
    words = (out, '--preset', 'demo', '--size', 64, 64, '--quiet', '--overwrite', '--seed', 1)
    for number, size, name in ((4, 700, '.jpg'), (40, 8000, 'person_keypoints.json')):
        with files_at_most(size):
            result = call('make_synthetic.py', *words, '--num', number, '--workers', workers)
        assert refused(result, str(out), name, 'cannot be written'), result
        assert before == {path: path.read_bytes() for path in out.rglob('*') if path.is_file()}
        with files_at_most(size):
            result = call('make_synthetic.py', tmp_path / 'new', *words[1:], '--num', number)
        assert refused(result, name) and not (tmp_path / 'new').exists()


class Brightness(torch.nn.Module):
    """The smallest graph with inputs and outputs of the exported one."""

    def forward(self, image: torch.Tensor, content: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Mean of the image, four times."""
        mean = image.float().mean(dim=(1, 2, 3)) + content.sum(dim=1)
        return mean, mean + 1, mean + 2, mean > 0


@pytest.mark.slow
@needs_onnx
def test_exported_graph(tmp_path: Path) -> None:
    path = tmp_path / 'model.onnx'
    path.write_text('of an earlier run')
    program = export_program(Brightness())
    with files_at_most(100), pytest.raises(UserError, match=r'model.onnx cannot be written: '):
        export_onnx(program, path, {}, overwrite=True)
    assert path.read_text() == 'of an earlier run' and len(list(tmp_path.iterdir())) == 1
    export_onnx(program, path, {}, overwrite=True)
    assert path.stat().st_size > 100


@pytest.mark.parametrize(
    ('size', 'options', 'name'),
    [
        (2000, (), 'vis_data/config.py'),
        (12000, ('train_cfg.max_epochs=40',), 'vis_data/2'),
    ],
)
def test_scalars_and_config_of_a_training(
    size: int, options: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    words = (TOY, '--work-dir', 'run', '--no-validate', '--cfg-options', *options)
    words = (*words, 'log_level=ERROR', 'default_hooks.checkpoint.interval=99')
    done = run_tool('tools/train.py', *words, cwd=tmp_path, largest_file=size)
    assert done.status == 2, done.output
    assert name in last_error(done.output) and 'cannot be written: ' in done.output


def test_log_of_a_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'run.log'
    logger = MMLogger('test_full_disk', log_file=str(path))
    end_with_log_file(logger)
    with files_at_most(200), pytest.raises(UserError, match=r'run.log cannot be written: '):
        for number in range(10):
            logger.info(f'iteration {number} is done')
    assert 'iteration 1 is done' in path.read_text()
    logger.info('%d', 'no number')  # other mistakes are printed, as ever
    assert 'Logging error' in capfd.readouterr().err


def test_what_mmengine_and_mmcv_write_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in (registry_utils.backends, registry_utils.prefix_to_backends):
        for key in {'local', ''} & set(table):
            monkeypatch.setitem(table, key, table[key])  # put back at the end
    monkeypatch.setattr(mmengine.fileio.io, 'backend_instances', {})
    mmengine.fileio.put(b'', tmp_path / 'before')  # whose backend mmengine keeps
    (tmp_path / 'before').unlink()
    write_all_whole()
    writers = {
        'predictions.pkl': lambda path: mmengine.dump(list(range(100)), path),
        'results.json': lambda path: mmengine.dump(list(range(100)), path),
        'drawn.png': lambda path: mmcv.imwrite(np.zeros((99, 99, 3), np.uint8), path),
    }
    for name, write in writers.items():
        path = tmp_path / name
        path.write_text('of an earlier run')
        with files_at_most(50), pytest.raises(UserError, match=rf'{name} cannot be written: '):
            write(str(path))
        assert path.read_text() == 'of an earlier run'
        write(str(path))
        assert path.stat().st_size > 50
    assert len(list(tmp_path.iterdir())) == len(writers)


def test_metrics_of_a_test(tmp_path: Path) -> None:
    path = tmp_path / 'metrics.json'
    path.write_text('{}')
    hook = SaveMetricHook(str(path))
    with files_at_most(4), pytest.raises(UserError, match=r'metrics.json cannot be written: '):
        hook.after_test_epoch(SimpleNamespace(rank=0), dict(AP=0.5))
    assert path.read_text() == '{}'
    hook.after_test_epoch(SimpleNamespace(rank=0), dict(AP=0.5))
    assert json.loads(path.read_text()) == dict(AP=0.5)
