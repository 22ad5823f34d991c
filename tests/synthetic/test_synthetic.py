"""The generator of synthetic crowds: labels and spreads."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

import centergroup_mm  # noqa: F401
from centergroup_mm.synthetic import PRESETS, crowd_index, make_scene
from centergroup_mm.synthetic.paint import THING_SLOT
from centergroup_mm.synthetic.skeleton import (
    ALL_JOINTS,
    CROWDPOSE_FROM_ALL,
    CROWDPOSE_JOINTS,
    pose_bodies,
)


@pytest.fixture(scope='module')
def full_scenes():
    return [make_scene('full', 11, index) for index in range(100)]


@pytest.fixture(scope='module')
def demo_scenes():
    return [make_scene('demo', 11, index) for index in range(50)]


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
