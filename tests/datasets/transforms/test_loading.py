"""Images are read from files and memory, or refused in one line, before the model sees them."""

from __future__ import annotations

import numpy as np
import pytest
from mmengine.config import Config

import centergroup_mm  # noqa: F401
from centergroup_mm.datasets.transforms import LoadPoseImage
from centergroup_mm.utils.errors import UserError

from ...conftest import ROOT

cv2 = pytest.importorskip('cv2')
PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def path(tmp_path):
    """An image without an ending that says what it is."""
    path = tmp_path / 'photo'
    path.write_bytes(cv2.imencode('.png', PICTURE)[1].tobytes())
    return path


def test_files_and_paths_give_the_same(path):
    load = LoadPoseImage()
    for given in (dict(img_path=str(path)), dict(img=path), dict(img=str(path))):
        found = load.transform(given)
        assert np.array_equal(found['img'], PICTURE)
        assert found['img_path'] == str(path) and found['ori_shape'] == (40, 60)


def test_pictures_in_memory_give_the_same(path):
    load = LoadPoseImage()
    for given in (PICTURE, PICTURE / 255.0, PICTURE.astype(np.uint16) * 257, path.read_bytes()):
        found = load.transform(dict(img=given))
        assert np.array_equal(found['img'], PICTURE)
        assert found['img_path'] is None and found['img_shape'] == (40, 60)


def test_what_is_no_image_is_named(tmp_path, path):
    path.write_bytes(path.read_bytes()[:50])
    empty = tmp_path / 'empty.png'
    empty.touch()
    for given, reason in (
        (path, 'it is cut off'),
        (empty, 'it is empty'),
        (tmp_path / 'absent.png', 'it does not exist'),
        (tmp_path, 'it is no file'),
    ):
        with pytest.raises(UserError, match=f'{given} cannot be read as an image: {reason}'):
            LoadPoseImage().transform(dict(img_path=str(given)))


def test_an_image_of_another_size_than_its_annotations_say_is_refused(path):
    load = LoadPoseImage()
    for stated in ((60, 40), (60.0, 40)):
        assert load.transform(dict(img_path=str(path), stated_size=stated))['img_shape'] == (40, 60)
    with pytest.raises(UserError, match='is 60x40 pixels, and its annotation file says 40x60'):
        load.transform(dict(img_path=str(path), stated_size=(40, 60)))


@pytest.mark.parametrize('name', ['centergroup_w32_coco_ms', 'centergroup_movenet_photos'])
def test_test_pipelines_begin_with_it(name):
    config = Config.fromfile(ROOT / f'configs/{name}.py')
    assert config.test_dataloader.dataset.pipeline[0].type == 'LoadPoseImage'
