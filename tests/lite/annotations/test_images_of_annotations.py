"""Images that an annotation file names."""

from __future__ import annotations

import copy

import cv2
import numpy as np

from centergroup_lite.annotations import find_disagreement

from .conftest import read


def test_images_are_looked_for_and_measured(tmp_path, content):
    folder = tmp_path / 'data/images'
    content['images'][0].pop('width')
    found = read(tmp_path, content, images=folder)
    assert found.content['images'][0]['width'] == 96 and not found.problems
    cv2.imwrite(str(folder / '1.png'), np.zeros((96, 50, 3), np.uint8))
    assert not read(tmp_path, content, images=folder).problems
    line = read(tmp_path, content, images=folder, sizes=True).problem()
    assert 'image 1: is 50x96 pixels and stated as 96x96' in line
    (folder / '1.png').write_bytes(b'no image')
    line = read(tmp_path, content, images=folder, sizes=True).problem()
    assert "image 1: '1.png' is not a readable image" in line
    (folder / '1.png').unlink()
    (folder / '2.png').unlink()
    line = read(tmp_path, content, images=folder).problem()
    assert "image 1: file '1.png' is not in" in line and '2 of 4 images are missing' in line


def test_a_photograph_turned_by_its_camera_is_measured_as_it_is_shown(tmp_path, content):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    folder = tmp_path / 'data/images'
    Image.new('RGB', (40, 96)).save(folder / '1.jpg', exif=exif)
    assert cv2.imread(str(folder / '1.jpg')).shape[:2] == (40, 96)
    content['images'][1].update(file_name='1.jpg', width=96, height=40)
    assert not read(tmp_path, content, images=folder, sizes=True).problems


def test_files_of_other_images_disagree(tmp_path, content):
    whole = read(tmp_path, content)
    part = copy.deepcopy(content)
    part['images'] = part['images'][:3]
    part['annotations'] = part['annotations'][:6]
    (tmp_path / 'part').mkdir()
    fewer = read(tmp_path / 'part', part)
    assert find_disagreement(whole, whole) == ''
    assert f'{fewer.path} lacks (1 of 4, the first is 3)' in find_disagreement(whole, fewer)
    assert f'{fewer.path} lacks (1 of 4, the first is 3)' in find_disagreement(fewer, whole)
    content['images'][0]['file_name'] = 'other.png'
    (tmp_path / 'other').mkdir()
    other = read(tmp_path / 'other', content)
    assert "image 0 is '0.png' and 'other.png'" in find_disagreement(whole, other)
