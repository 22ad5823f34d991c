"""An annotation file is right, repaired without guessing, or refused in one line."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from centergroup_lite.annotations import read_annotations

from ...conftest import ROOT
from .conftest import read


def changed(content: dict, part: str, **values) -> dict:
    """The content with other values in entry 2 of a list; None removes a key."""
    content = copy.deepcopy(content)
    for name, value in values.items():
        if value is None:
            content[part][2].pop(name)
        else:
            content[part][2][name] = value
    return content


def test_a_good_file_stays_as_it_is(tmp_path, content):
    found = read(tmp_path, content, images=tmp_path / 'data/images', sizes=True)
    assert found.content == content and not found.repairs and not found.left_out
    assert found.problem() == ''
    assert found.counts == dict(images=4, empty=0, people=8, joints=40, unlabeled=0, crowds=0)
    assert found.summary() == (
        '4 images (0 without annotations), 8 people with 40 labeled joints, 0 people without '
        'joints, 0 crowd regions'
    )


NAN, INF = float('nan'), float('inf')


def joints(index: int, value: object) -> Callable[[list], list]:
    """A change of one number of the joints."""
    return lambda old: [*old[:index], value, *old[index + 1 :]]


@pytest.mark.parametrize(
    ('part', 'values', 'place', 'message'),
    [
        ('annotations', dict(keypoints=joints(3, NAN)), 'A', 'x of joint 1 is nan'),
        ('annotations', dict(keypoints=joints(4, INF)), 'A', 'y of joint 1 is inf'),
        ('annotations', dict(keypoints=joints(4, 1e30)), 'A', 'y of joint 1 is 1e+30'),
        ('annotations', dict(keypoints=joints(3, '7')), 'A', "x of joint 1 is '7'"),
        ('annotations', dict(keypoints=joints(3, [7])), 'A', 'x of joint 1 is [7]'),
        ('annotations', dict(keypoints=joints(5, 3)), 'A', 'visibility of joint 1 is 3'),
        ('annotations', dict(keypoints=joints(5, NAN)), 'A', 'visibility of joint 1 is nan'),
        ('annotations', dict(keypoints=lambda old: old[3:]), 'A', '12 numbers in keypoints, 5'),
        ('annotations', dict(keypoints=lambda old: [*old, 1, 1, 1]), 'A', '18 numbers in key'),
        ('annotations', dict(keypoints='abc'), 'A', "keypoints is 'abc', not a list"),
        ('annotations', dict(area=NAN), 'A', 'area is nan'),
        ('annotations', dict(area=-100), 'A', 'area is -100'),
        ('annotations', dict(area='big'), 'A', "area is 'big'"),
        ('annotations', dict(bbox=[1, 2, 3]), 'A', 'bbox is [1, 2, 3]'),
        ('annotations', dict(bbox=[1, 2, NAN, 3]), 'A', 'width of bbox is nan'),
        ('annotations', dict(bbox=[1, 2, -3, 3]), 'A', 'width of bbox is -3'),
        ('annotations', dict(iscrowd=2), 'A', 'iscrowd is 2'),
        ('annotations', dict(iscrowd='no'), 'A', "iscrowd is 'no'"),
        ('annotations', dict(image_id=99), 'A99', 'image_id 99 is not among the images'),
        ('annotations', dict(image_id='1'), "A'1'", "image_id '1' is text"),
        ('annotations', dict(image_id=None), 'annotation 2: ', 'image_id is missing'),
        ('annotations', dict(id='a'), '#2', "id 'a' is text"),
        ('annotations', dict(category_id=7), 'A', 'category_id is 7; the categories of the file'),
        ('images', dict(id='x'), 'image #2 of the file', "id 'x' is text"),
        ('images', dict(id=None), 'image #2 of the file', 'id is missing'),
        ('images', dict(id=1), 'image 1', "have this id, '1.png' and '2.png'"),
        ('images', dict(width=None), 'image 2', 'width is missing'),
        ('images', dict(height=0), 'image 2', 'height is 0'),
        ('images', dict(width='96'), 'image 2', "width is '96'"),
        ('images', dict(file_name=None), 'image 2', 'file_name is None'),
        ('images', dict(file_name='../../secret.png'), 'image 2', 'leaves the folder'),
        ('images', dict(file_name='a/../../b.png'), 'image 2', 'leaves the folder'),
        ('images', dict(file_name='.'), 'image 2', 'is a folder'),
        ('images', dict(file_name='/etc/b.png'), 'image 2', 'leaves the folder'),
        ('images', dict(file_name='C:\\b.png'), 'image 2', 'leaves the folder'),
        ('categories', dict(id=None), '', "category 'person' has the id None"),
    ],
)
def test_what_needs_a_guess_is_one_problem_with_its_place(
    tmp_path, content, part, values, place, message
):
    index = 0 if part == 'categories' else 2
    entry = content[part][index]
    for name, value in values.items():
        if value is None:
            entry.pop(name)
        else:
            entry[name] = value(entry[name]) if callable(value) else value
    found = read(tmp_path, content)
    line = found.problem()
    assert line.startswith(f'{tmp_path / "changed.json"}: ') and '\n' not in line
    assert message in line and ';' in line
    image = place[1:] if place.startswith('A') and len(place) > 1 else '1'
    expected = f'annotation 2 of image {image}: ' if place.startswith('A') else place
    assert expected in line


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'is empty'),
        ('{"images": [', 'is not JSON'),
        ('[' * 100_000, 'is not JSON'),
        ('[]', 'holds a list'),
        ('{"images": []}', 'has no list of annotations'),
        ('{"images": [], "annotations": []}', 'lists no images'),
        ('{"images": {}, "annotations": []}', 'images is not a list'),
        ('{"images": [3], "annotations": []}', 'entry 0 of images is 3'),
        ('{"images": [{"id": 1}], "annotations": [null]}', 'entry 0 of annotations is None'),
    ],
)
def test_what_is_no_annotation_file_is_one_problem(tmp_path, text, message):
    line = read(tmp_path, text).problem()
    assert (message in line and 'name a file' in line) or 'remove' in line


def test_a_missing_file_and_bytes_that_are_no_text_are_problems(tmp_path):
    assert 'No such file' in read_annotations(tmp_path / 'absent.json').problem()
    (tmp_path / 'bytes.json').write_bytes(b'\xff\xfe{}')
    assert 'is not JSON' in read_annotations(tmp_path / 'bytes.json').problem()


def test_missing_values_follow_from_the_joints(tmp_path, content):
    person = content['annotations'][2]
    wanted = np.array(person['keypoints']).reshape(-1, 3)
    person['keypoints'][:3] = [0, 0, 0]
    for name in ('bbox', 'area', 'iscrowd', 'num_keypoints', 'id', 'category_id'):
        person.pop(name)
    found = read(tmp_path, content)
    assert not found.problems
    filled = found.content['annotations'][2]
    low, high = wanted[1:, :2].min(0), wanted[1:, :2].max(0)
    assert filled['bbox'] == [*low, *(high - low)]
    assert math.isclose(filled['area'], 0.53 * np.prod(high - low))
    assert (filled['iscrowd'], filled['num_keypoints'], filled['category_id']) == (0, 4, 1)
    assert filled['id'] == 8 and sum(found.repairs.values()) == 6
    assert 'bbox missing, taken from its joints (1)' in found.summary()


def test_joints_without_visibilities_have_those_of_coco(tmp_path, content):
    person = content['annotations'][2]
    flat = np.array(person['keypoints']).reshape(-1, 3)
    flat[1, :2] = 0
    person['keypoints'] = flat[:, :2].ravel().tolist()
    found = read(tmp_path, content)
    flat[1, 2] = 0
    assert found.content['annotations'][2]['keypoints'] == flat.ravel().tolist()
    assert found.repairs['visibilities missing, (0, 0) is not labeled and the rest visible'] == 1


def test_double_ids_become_free_ones_and_double_entries_one(tmp_path, content):
    content['annotations'][3]['id'] = 2
    content['annotations'].append(copy.deepcopy(content['annotations'][0]))
    content['images'].append(copy.deepcopy(content['images'][0]))
    found = read(tmp_path, content)
    assert [entry['id'] for entry in found.content['annotations']] == [0, 1, 2, 8, 4, 5, 6, 7]
    assert len(found.content['images']) == 4
    assert found.left_out == {'annotations listed twice': 1, 'images listed twice': 1}


def test_regions_without_a_mask_get_their_box(tmp_path, content):
    box = [10.0, 20.0, 30.0, 40.0]
    polygon = [10.0, 20.0, 40.0, 20.0, 40.0, 60.0, 10.0, 60.0]
    for entry, region in zip(content['annotations'][:4], (None, [], [[1, 2]], {}), strict=True):
        entry.update(bbox=box, keypoints=[0] * 15, num_keypoints=0, segmentation=region)
    content['annotations'][4].update(iscrowd=1, bbox=box)
    found = read(tmp_path, content)
    assert [entry['segmentation'] for entry in found.content['annotations'][:5]] == [[polygon]] * 5
    assert found.repairs['regions without a mask, their box is masked'] == 5
    assert found.counts['crowds'] == 1 and found.counts['unlabeled'] == 4


def test_a_box_follows_from_a_mask(tmp_path, content):
    mask = np.zeros((96, 96), np.uint8)
    mask[30:50, 20:60] = 1
    runs = np.diff(np.flatnonzero(np.diff(np.r_[2, mask.T.ravel(), 2])), prepend=0)[1:]
    counts = runs.tolist()
    content['annotations'][0].update(iscrowd=1, segmentation=dict(counts=counts, size=[96, 96]))
    content['annotations'][1].update(segmentation=[[5, 6, 25, 6, 25, 46]])
    for entry in content['annotations'][:2]:
        entry.pop('bbox')
    found = read(tmp_path, content)
    assert found.content['annotations'][0]['bbox'] == [20, 30, 40, 20]
    assert found.content['annotations'][1]['bbox'] == [5, 6, 20, 40]


def test_people_of_whom_nothing_is_known_are_left_out(tmp_path, content):
    content['annotations'][0].update(keypoints=[0] * 15, bbox=[0, 0, 0, 0], segmentation=None)
    found = read(tmp_path, content)
    assert len(found.content['annotations']) == 7
    assert found.left_out == {'people with neither joints nor a region': 1}


def test_other_categories_are_no_people(tmp_path, content):
    content['categories'].append(dict(id=9, name='car'))
    content['annotations'][0] = dict(id=70, image_id=0, category_id=9, bbox=[0, 0, 9, 9])
    found = read(tmp_path, content)
    assert found.left_out == {'annotations of categories without keypoints': 1}
    assert [category['id'] for category in found.pose_categories] == [1]


def test_without_categories_all_annotations_are_people(tmp_path, content):
    content.pop('categories')
    for entry in content['annotations']:
        entry['category_id'] = 4
    found = read(tmp_path, content)
    assert not found.problems and found.content['categories'] == [dict(id=4, name='person')]
    content['annotations'][0]['category_id'] = 5
    assert 'annotations of 2 of them' in read(tmp_path, content).problem()


def test_a_file_without_labeled_joints_is_refused_where_they_are_needed(tmp_path, content):
    content['annotations'] = []
    assert not read(tmp_path, content).problems
    line = read(tmp_path, content, need_people=True).problem()
    assert 'no person has a labeled joint' in line


def test_the_number_of_joints_of_crowdpose_counts_visible_ones(tmp_path, content):
    flat = content['annotations'][0]['keypoints']
    flat[2::3] = [1] * 5
    for stated, repaired in ((0, False), (5, False), (3, False), (-1, True), ('2', True)):
        content['annotations'][0]['num_keypoints'] = stated
        found = read(tmp_path, content)
        assert (found.content['annotations'][0]['num_keypoints'] != stated) == repaired
    flat[2] = 2
    content['annotations'][0]['num_keypoints'] = 0
    assert read(tmp_path, content).content['annotations'][0]['num_keypoints'] == 5


def test_all_problems_are_kept_and_counted(tmp_path, content):
    for entry in content['annotations'][:3]:
        entry['area'] = -1
    found = read(tmp_path, content)
    assert len(found.problems) == 3 and '(2 more of this file; ' in found.problem()


def test_reading_needs_no_torch(tmp_path, content):
    (tmp_path / 'people.json').write_text(json.dumps(content))
    code = (
        'import sys\nfrom centergroup_lite.annotations import read_annotations\n'
        f'assert not read_annotations({str(tmp_path / "people.json")!r}).problems\n'
        "assert not {'torch', 'mmengine', 'cv2', 'PIL'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT)
