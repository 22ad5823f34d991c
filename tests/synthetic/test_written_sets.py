"""Sets of scenes on the disk, and the command that writes them."""

import json
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import centergroup_mm  # noqa: F401
from centergroup_mm.synthetic import make_scene, write_dataset, writer
from centergroup_mm.utils.errors import UserError

from ..conftest import ROOT


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp('synthetic') / 'set'
    paths = write_dataset(out, 'full', 12, 4, (200, 160), 'both', progress=False)
    return out, paths


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run tools/make_synthetic.py in this process and return its exit status."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, 'argv', ['make_synthetic.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / 'tools/make_synthetic.py'), run_name='__main__')
        return end.value.code

    return run


@pytest.mark.parametrize('fmt', ['coco', 'crowdpose'])
def test_read_by_stock_datasets(written, fmt):
    from mmpose.datasets import CocoDataset, CrowdPoseDataset

    _, paths = written
    kind, joints = {'coco': (CocoDataset, 17), 'crowdpose': (CrowdPoseDataset, 14)}[fmt]
    dataset = kind(
        ann_file=paths[fmt],
        data_prefix={'img': paths['images']},
        data_mode='bottomup',
        pipeline=[],
    )
    content = json.loads(Path(paths[fmt]).read_text())
    assert len(dataset) == 12
    assert len(content['categories'][0]['keypoints']) == joints
    assert content['categories'][0]['keypoints'] == [
        dataset.metainfo['keypoint_id2name'][index] for index in range(joints)
    ]
    for item in dataset:
        assert cv2.imread(item['img_path']).shape == (160, 200, 3)
        assert item['keypoints'].shape[1:] == (joints, 2)
        assert len(item['keypoints']) == len(item['bbox']) == len(item['keypoints_visible'])
    scene = make_scene('full', 4, 3, (200, 160))
    assert len(dataset[3]['keypoints']) == len(scene.persons)
    image = content['images'][3]
    assert (image['width'], image['height']) == (200, 160)
    index = scene.crowd_index if fmt == 'coco' else scene.crowd_index_crowdpose
    assert image['crowdIndex'] == pytest.approx(index, abs=1e-4)


def test_annotation_file(written):
    _, paths = written
    content = json.loads(Path(paths['coco']).read_text())
    assert {'info', 'images', 'annotations', 'categories'} <= set(content)
    assert len({entry['id'] for entry in content['annotations']}) == len(content['annotations'])
    for entry in content['annotations']:
        keypoints = np.reshape(entry['keypoints'], (17, 3))
        assert entry['num_keypoints'] == (keypoints[:, 2] > 0).sum()
        assert isinstance(entry['segmentation'], dict) == bool(entry['iscrowd'])
        assert min(entry['bbox'][2:]) > 0 and entry['area'] > 0


def test_workers_write_the_same_set(written, tmp_path):
    _, paths = written
    other = write_dataset(tmp_path, 'full', 12, 4, (200, 160), 'both', workers=2, progress=False)
    for key in ('coco', 'crowdpose', 'manifest'):
        assert Path(paths[key]).read_bytes() == Path(other[key]).read_bytes()
    for image in Path(paths['images']).iterdir():
        assert image.read_bytes() == (Path(other['images']) / image.name).read_bytes()


def killed(job):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != 'linux', reason='only a forked process sees the replacement')
def test_a_killed_worker_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, '_draw', killed)
    with pytest.raises(UserError, match='was killed, maybe because memory ran out'):
        write_dataset(tmp_path / 'set', 'demo', 20, 0, (64, 64), workers=2, progress=False)
    assert not list(tmp_path.rglob('*.json'))


def test_existing_sets(tmp_path, capsys, call):
    out = tmp_path / 'set'
    arguments = [out, '--preset', 'demo', '--num', '2', '--size', '64', '64', '--quiet']
    assert call(*arguments) == 0
    manifest = out / 'manifest.json'
    first = manifest.read_bytes()
    image = (out / 'images/000001.jpg').read_bytes()
    capsys.readouterr()
    assert call(*arguments) == 0
    assert 'already' in capsys.readouterr().out

    assert call(*arguments, '--seed', '9') == 2
    assert capsys.readouterr().err.count('\n') == 1
    assert manifest.read_bytes() == first

    # An interrupted call leaves an incomplete manifest and no annotations.
    manifest.write_text(json.dumps({**json.loads(first), 'complete': False}))
    (out / 'person_keypoints.json').unlink()
    (out / 'images/000001.jpg').write_bytes(b'')
    assert call(*arguments) == 0
    assert manifest.read_bytes() == first
    assert (out / 'images/000001.jpg').read_bytes() == image
    assert (out / 'person_keypoints.json').is_file()

    (out / 'notes.txt').write_text('mine')
    assert call(*arguments, '--num', '1', '--overwrite') == 0
    assert [path.name for path in (out / 'images').iterdir()] == ['000000.jpg']
    assert (out / 'notes.txt').read_text() == 'mine'

    foreign = tmp_path / 'foreign'
    foreign.mkdir()
    (foreign / 'thesis.txt').write_text('mine')
    assert call(foreign, '--num', '1', '--quiet') == 2


@pytest.mark.parametrize(
    'arguments',
    [
        ['--num', '0'],
        ['--size', '8', '8'],
        ['--seed', '-1'],
        ['--workers', '-2'],
    ],
)
def test_bad_arguments(tmp_path, capsys, arguments, call):
    assert call(tmp_path / 'set', *arguments) == 2
    message = capsys.readouterr().err
    assert message.count('\n') == 1 and 'error' in message
    assert not (tmp_path / 'set').exists()


def test_bad_names(tmp_path):
    with pytest.raises(ValueError, match='unknown preset'):
        make_scene('huge')
    with pytest.raises(ValueError, match='unknown format'):
        write_dataset(tmp_path, fmt='voc')
    with pytest.raises(ValueError, match='at least 32'):
        make_scene('demo', size=(16, 256))


def test_speed_option(capsys, call):
    assert call('--speed', '--num', '2') == 0
    assert 'images a second' in capsys.readouterr().out
