"""The generator of synthetic crowds: labels, spreads, files and messages."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

import centergroup_mm  # noqa: F401
from centergroup_mm.synthetic import PRESETS, crowd_index, make_scene, write_dataset
from centergroup_mm.synthetic.paint import THING_SLOT
from centergroup_mm.synthetic.skeleton import (
    ALL_JOINTS,
    CROWDPOSE_FROM_ALL,
    CROWDPOSE_JOINTS,
    pose_bodies,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def full_scenes():
    return [make_scene('full', 11, index) for index in range(100)]


@pytest.fixture(scope='module')
def demo_scenes():
    return [make_scene('demo', 11, index) for index in range(50)]


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp('synthetic') / 'set'
    paths = write_dataset(out, 'full', 12, 4, (200, 160), 'both', progress=False)
    return out, paths


def people(scene):
    return [person for person in scene.persons if not person.iscrowd]


def reference_index(scene, name='keypoints'):
    """The crowd index by its definition, one joint at a time."""
    ratios = []
    for person in scene.persons:
        own = sum(v > 0 for _, _, v in getattr(person, name))
        if own == 0:
            continue
        left, top, width, height = person.bbox
        others = 0
        for other in scene.persons:
            if other is not person:
                for x, y, v in getattr(other, name):
                    inside = left <= x <= left + width and top <= y <= top + height
                    others += bool(v > 0 and inside)
        ratios.append(min(others / own, 1))
    return sum(ratios) / len(ratios) if ratios else 0.0


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run tools/make_synthetic.py in this process and return its exit status."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, 'argv', ['make_synthetic.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / 'tools/make_synthetic.py'), run_name='__main__')
        return end.value.code

    return run


def test_same_arguments_same_scene():
    first, again = make_scene('full', 5, 3), make_scene('full', 5, 3)
    assert np.array_equal(first.image, again.image)
    for one, other in zip(first.persons, again.persons, strict=True):
        assert np.array_equal(one.keypoints, other.keypoints)
        assert one.segmentation == other.segmentation
    for other in (make_scene('full', 5, 4), make_scene('full', 6, 3), make_scene('demo', 5, 3)):
        assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize('size', [(256, 256), (97, 64), (320, 480)])
def test_sizes(size):
    scene = make_scene('full', 1, 2, size)
    assert scene.image.shape == (size[1], size[0], 3)
    assert scene.image.dtype == np.uint8
    for person in scene.persons:
        assert (person.bbox[:2] >= 0).all()
        assert (person.bbox[:2] + person.bbox[2:] <= size).all()


def test_number_of_people(full_scenes, demo_scenes):
    numbers = [len(people(scene)) for scene in full_scenes]
    assert min(numbers) == 1
    assert 25 <= max(numbers) <= 30
    numbers = [len(people(scene)) for scene in demo_scenes]
    assert set(numbers) == {1, 2, 3, 4, 5, 6}


def test_sizes_of_people(full_scenes, demo_scenes):
    heights = [person.full_height for scene in full_scenes for person in people(scene)]
    assert max(heights) >= 6 * min(heights)
    heights = [person.full_height for scene in demo_scenes for person in people(scene)]
    assert min(heights) >= 256 * PRESETS['demo'].min_height >= 64
    assert max(heights) >= 5 * min(heights)


def test_crowd_index_is_its_definition(full_scenes):
    for scene in full_scenes[:40]:
        assert scene.crowd_index == pytest.approx(reference_index(scene), abs=1e-6)
        expected = reference_index(scene, 'crowdpose_keypoints')
        assert scene.crowd_index_crowdpose == pytest.approx(expected, abs=1e-6)


def test_crowd_index_by_hand():
    keypoints = np.array([[[1, 1, 2], [2, 2, 1]], [[3, 3, 2], [9, 9, 2]]], dtype=float)
    boxes = np.array([[0, 0, 4, 4], [2.5, 2.5, 7, 7]])
    # One of two for the first person, none of two for the second.
    assert crowd_index(keypoints, boxes) == 0.25
    keypoints[1, 0] = 0
    assert crowd_index(keypoints, boxes) == 0
    assert crowd_index(np.zeros((0, 17, 3)), np.zeros((0, 4))) == 0


def test_crowd_index_is_spread(full_scenes):
    values = [scene.crowd_index for scene in full_scenes if len(people(scene)) > 1]
    counts, _ = np.histogram(values, bins=10, range=(0, 1))
    share = counts / len(values)
    assert share.min() > 0.04
    assert share.max() < 0.19


def test_visibility(full_scenes, demo_scenes):
    seen = {0: 0, 1: 0, 2: 0}
    hidden_by_other = hidden_by_self = hidden_by_thing = 0
    for scene in full_scenes[:40] + demo_scenes:
        height, width = scene.slots.shape
        for person in people(scene):
            if not person.keypoints.any():
                continue
            for x, y, v in person.keypoints:
                seen[int(v)] += 1
                if v == 0:
                    assert x == 0 and y == 0
                    continue
                assert 0 <= x <= width - 1 and 0 <= y <= height - 1
                row, column = round(float(y)), round(float(x))
                around = scene.slots[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
                if v == 2:
                    assert person.slot in around
                elif (around == person.slot).all():
                    hidden_by_self += 1
                elif (around == THING_SLOT).all():
                    hidden_by_thing += 1
                elif person.slot not in around:
                    hidden_by_other += 1
    assert min(hidden_by_other, hidden_by_self, hidden_by_thing) > 0
    total = sum(seen.values())
    assert seen[2] > 0.5 * total and seen[1] > 0.1 * total and seen[0] > 0.1 * total


def test_hidden_joints_are_labeled_next_to_visible_ones(full_scenes, demo_scenes):
    links = {5: (6, 7, 11), 7: (5, 9), 9: (7,), 11: (5, 12, 13), 13: (11, 15), 15: (13,)}
    hidden = 0
    for scene in full_scenes[:40] + demo_scenes:
        for person in people(scene):
            for joint, near in links.items():
                # Shoulder 5 also touches the neck, which COCO does not have.
                if person.keypoints[joint, 2] == 1 and joint != 5:
                    hidden += 1
                    assert (person.keypoints[list(near), 2] == 2).any()
    assert hidden > 50


def test_boxes_hold_people(full_scenes):
    for scene in full_scenes[:40]:
        for person in people(scene):
            labeled = person.keypoints[person.keypoints[:, 2] > 0, :2]
            # A joint is a point, a box counts whole pixels from their upper left corners.
            assert (labeled >= person.bbox[:2] - 0.6).all()
            assert (labeled <= person.bbox[:2] + person.bbox[2:]).all()
            rows, columns = np.nonzero(scene.slots == person.slot)
            if len(rows):
                assert columns.min() >= person.bbox[0] - 0.51
                assert columns.max() + 1 <= person.bbox[0] + person.bbox[2] + 0.51
                assert rows.min() >= person.bbox[1] - 0.51


def test_polygons_cover_visible_pixels(demo_scenes):
    for scene in demo_scenes[:20]:
        height, width = scene.slots.shape
        for person in people(scene):
            if person.area < 300:
                continue
            rles = coco_mask.frPyObjects(person.segmentation, height, width)
            mask = coco_mask.decode(coco_mask.merge(rles)).astype(bool)
            truth = scene.slots == person.slot
            # Polygons are filled: holes, such as between arm and trunk, are not cut out.
            assert (mask & truth).sum() > 0.85 * truth.sum()
            assert person.area == pytest.approx(truth.sum(), rel=0.1)


def test_crowd_regions_and_people_without_keypoints(full_scenes):
    regions = [p for scene in full_scenes for p in scene.persons if p.iscrowd]
    assert len(regions) > 5
    for region in regions:
        assert not region.keypoints.any()
        rle = coco_mask.frPyObjects(region.segmentation, 256, 256)
        assert coco_mask.area(rle) == region.area
        assert coco_mask.toBbox(rle).tolist() == region.bbox.tolist()
    persons = [p for scene in full_scenes for p in people(scene)]
    silent = [p for p in persons if not p.keypoints.any()]
    assert 0.005 < len(silent) / len(persons) < 0.15
    assert all(p.segmentation and p.area > 0 for p in silent)


def test_left_is_right_in_the_image_from_the_front():
    rng = np.random.default_rng(0)
    upright = np.tile([0, 0, 8, 0, 5, 0, 8, 0, 5, 0, 0, 5, 0, 0, 5, 0], (40, 1))
    pairs = [ALL_JOINTS.index(f'left_{name}') for name in ('shoulder', 'elbow', 'hip', 'knee')]
    for yaw, sign in ((0, 1), (180, -1)):
        bodies = pose_bodies(rng, 40, yaw=np.full(40, yaw), angles=upright)
        joints = bodies.joints
        roll = np.abs(np.arctan2(joints[:, 18, 0], -joints[:, 18, 1])) < 0.3
        for left in pairs:
            across = (joints[roll, left, 0] - joints[roll, left + 1, 0]) * sign
            assert (across > 0).all()
        # The nose lies before the head from the front and behind it from the back.
        assert ((joints[:, 0, 2] - bodies.head[:, 2]) * sign > 0).mean() > 0.9


def test_faces_are_hidden_from_the_back(demo_scenes):
    persons = [p for scene in demo_scenes for p in people(scene) if p.keypoints.any()]
    back = [p for p in persons if abs((p.yaw + 180) % 360 - 180) > 160]
    assert back
    # A turned head may still show one eye, never both; what it hides is not labeled.
    assert not any((p.keypoints[[0, 1, 2], 2] > 0).all() for p in back)


def test_crowdpose_joints_are_the_coco_ones(demo_scenes):
    for scene in demo_scenes[:10]:
        for person in people(scene):
            shared = CROWDPOSE_FROM_ALL < 17
            expected = person.keypoints[CROWDPOSE_FROM_ALL[shared]]
            assert np.array_equal(person.crowdpose_keypoints[shared], expected)
    assert CROWDPOSE_JOINTS[-2:] == ('top_head', 'neck')


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
