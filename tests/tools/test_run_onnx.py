"""tools/run_onnx.py as a deployer runs it: without torch, MMPose or ``centergroup_mm``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from centergroup_lite import onnx_file
from centergroup_mm.datasets.transforms.resize import CenterGroupResize
from centergroup_mm.deploy import check
from centergroup_mm.utils.valid_mask import valid_box

from ..conftest import ROOT
from ..helpers import exported

for _package in ('onnx', 'onnxscript', 'onnxruntime'):
    pytest.importorskip(_package, reason='pip install onnx onnxscript onnxruntime')

pytestmark = exported.needs_onnx

#: what the runner must do without; None in sys.modules makes an import fail
BARE = """
import runpy, sys
for name in ('torch', 'mmengine', 'mmcv', 'mmpose', 'mmdet', 'centergroup_mm', 'scipy', 'onnx'):
    sys.modules[name] = None
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def run(*arguments: object, cwd: Path, script: Path | None = None) -> tuple[int, str, str]:
    """Run the tool, or another script, alone; exit status, output and error output."""
    command = [sys.executable, '-c', BARE.replace('sys.argv[0]', repr(str(script or RUNNER)))]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


RUNNER = ROOT / 'tools/run_onnx.py'
COMMAND = ROOT / 'tests/helpers/command.py'
SHAPES = ((240, 320), (301, 203), (120, 90))


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images of different shapes, one with nothing on it."""
    path = tmp_path_factory.mktemp('images')
    for index, (height, width) in enumerate(SHAPES):
        image = check.synthetic_images(index + 1, (width, height))[-1]
        cv2.imwrite(str(path / f'{index}.png'), image if index < 2 else image * 0)
    return path


def one_line(error: str, message: str) -> None:
    """Check that a user sees one line."""
    lines = error.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: ') and message in lines[0], error


def test_resizing_is_that_of_the_test_pipeline():
    rng = np.random.default_rng(0)
    for width, height in rng.integers(60, 500, (60, 2)).tolist():
        if max(width, height) > 3 * min(width, height):
            continue
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        side = int(rng.choice([128, 192, 320]))
        ours, content, scale, shift = onnx_file.resize(image, side, 64)
        theirs = CenterGroupResize(side).transform(dict(img=image, ori_shape=image.shape[:2]))
        assert np.array_equal(ours, theirs['img']), (width, height, side)
        assert tuple(content) == valid_box(theirs)
        point = np.array([10.0, 20.0])  # of the input, in pixels of the image
        back = point / theirs['input_size'] * theirs['input_scale'] + theirs['input_center']
        np.testing.assert_allclose((point - shift) / scale, back - theirs['input_scale'] / 2)


@pytest.mark.parametrize(
    'size', [(100, 401), (401, 100), (8, 500), (700, 30), (64, 4000), (1, 5000)]
)
def test_resizing_of_long_images_is_that_of_the_test_pipeline(size):
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    ours, content, scale, shift = onnx_file.resize(image, 128, 64)
    theirs = CenterGroupResize(128).transform(dict(img=image, ori_shape=image.shape[:2]))
    assert max(ours.shape) == 512 and np.array_equal(ours, theirs['img'])
    assert tuple(content) == valid_box(theirs)
    np.testing.assert_allclose(scale, theirs['input_size'] / theirs['input_scale'])
    corner = cv2.transform(np.zeros((1, 1, 2)), theirs['warp_mat'])[0, 0]
    np.testing.assert_allclose(shift, corner, atol=1e-4)


def test_folder_gives_the_poses_of_the_eager_model(folder, tmp_path):
    status, output, error = run(
        exported.onnx_file(), folder, '--out', 'all', '--score-thr', 0, cwd=tmp_path
    )
    assert status == 0, error
    assert output.count(' in 0.') == 3
    names = sorted(path.name for path in (tmp_path / 'all').iterdir())
    assert names == ['0.jpg', '0.json', '1.jpg', '1.json', '2.jpg', '2.json']
    graph = exported.graph(exported.short_config())
    compared = 0
    for index, (height, width) in enumerate(SHAPES):
        found = json.loads((tmp_path / f'all/{index}.json').read_text())
        assert (found['image'], found['width'], found['height']) == (f'{index}.png', width, height)
        assert len(found['joints']) == 17
        assert cv2.imread(str(tmp_path / f'all/{index}.jpg')).shape == (height, width, 3)
        photograph = cv2.imread(str(folder / f'{index}.png'))
        image, content = check.prepare([photograph], 192)
        if check.tied_peaks(graph, image, content).any():
            continue
        theirs = graph(torch.from_numpy(image), torch.from_numpy(content))
        points = theirs.keypoints[0][theirs.valid[0]].double().numpy()
        meta = CenterGroupResize(192).transform(dict(img=photograph))
        size, scale = np.array(meta['input_size']), meta['input_scale']
        points = points / size * scale + meta['input_center'] - scale / 2
        scores = theirs.scores[0][theirs.valid[0]].numpy()
        order = np.argsort(-scores, kind='stable')
        ours = np.array([pose['keypoints'] for pose in found['poses']])
        np.testing.assert_allclose(ours[..., :2], points[order], atol=1e-3)
        np.testing.assert_allclose(
            [pose['score'] for pose in found['poses']], scores[order], atol=1e-4
        )
        compared += len(ours)
    assert compared > 10


def test_video(folder, tmp_path):
    frames = check.synthetic_images(3, (128, 96))
    path = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, (128, 96))
    if not writer.isOpened():
        pytest.skip('this OpenCV cannot write videos')
    for frame in frames:
        writer.write(frame)
    writer.release()
    status, _, error = run(exported.onnx_file(), path, '--out', 'out', cwd=tmp_path)
    assert status == 0, error
    found = json.loads((tmp_path / 'out/clip.json').read_text())
    assert len(found['frames']) == 3 and found['width'] == 128
    video = cv2.VideoCapture(str(tmp_path / 'out/clip.mp4'))
    assert video.read()[0]


def test_the_command_writes_the_same_poses_in_mmposes_format(folder, tmp_path):
    model = exported.onnx_file()
    assert run(model, folder, '--score-thr', 0, cwd=tmp_path)[0] == 0
    before = os.times()
    arguments = ('predict', folder, '--onnx', model, '--score-thr', 0)
    status, output, error = run(*arguments, cwd=tmp_path, script=COMMAND)
    after = os.times()
    assert status == 0, error
    assert f'{Path("0_poses.jpg")}: ' in output
    used = after.children_user - before.children_user
    assert used + after.children_system - before.children_system < 2  # CPU time of the whole run
    compared = 0
    for index in range(len(SHAPES)):
        theirs = json.loads((tmp_path / f'poses/{index}.json').read_text())['poses']
        ours = json.loads((tmp_path / f'{index}_poses.json').read_text())
        for pose, person in zip(theirs, ours, strict=True):
            assert set(person) == {'keypoints', 'keypoint_scores', 'bbox', 'bbox_score'}
            table = np.array(pose['keypoints'])
            np.testing.assert_allclose(person['keypoints'], table[:, :2], atol=1e-4)
            np.testing.assert_allclose(person['keypoint_scores'], table[:, 2], atol=1e-4)
            box = [*table[:, :2].min(0), *table[:, :2].max(0)]
            np.testing.assert_allclose(person['bbox'], [box], atol=1e-4)
            assert person['bbox_score'] == pytest.approx(pose['score'])
            compared += 1
    assert compared > 10


def test_corrupt_image_is_named_and_the_others_are_done(folder, tmp_path):
    mixed = tmp_path / 'mixed'
    mixed.mkdir()
    (mixed / 'a.jpg').write_bytes(b'no image at all')
    (mixed / 'b.png').write_bytes((folder / '0.png').read_bytes())
    status, _, error = run(exported.onnx_file(), mixed, '--out', 'out', cwd=tmp_path)
    assert status == 2 and (tmp_path / 'out/b.json').is_file()
    named, counted = error.strip().splitlines()
    assert 'a.jpg is not a readable image' in named
    assert counted == 'error: 1 of 2 sources could not be read, see above'


def test_mistakes_end_in_one_line(folder, tmp_path):
    model, image = exported.onnx_file(), folder / '0.png'
    (tmp_path / 'bad.onnx').write_bytes(b'nothing')
    (tmp_path / 'bad.mp4').write_bytes(b'nothing')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'poses').mkdir()
    (tmp_path / 'poses/0.json').write_text('mine')
    for arguments, message in (
        ((model, 'no.jpg'), 'no.jpg not found'),
        (('no.onnx', image), 'no.onnx not found'),
        (('bad.onnx', image, '--out', 'new'), 'not a file of centergroup export'),
        ((model, 'empty'), 'holds no images'),
        ((model, 'bad.mp4', '--out', 'new'), 'is not a readable video'),
        ((model, image), 'exists: pass --overwrite or name a folder with --out'),
        ((model, image, '--out', folder), 'name another folder'),
    ):
        status, _, error = run(*arguments, cwd=tmp_path)
        assert status == 2, arguments
        one_line(error, message)
    assert (tmp_path / 'poses/0.json').read_text() == 'mine'
    status, _, error = run(model, image, '--overwrite', cwd=tmp_path)
    assert status == 0, error
    assert json.loads((tmp_path / 'poses/0.json').read_text())['image'] == '0.png'
