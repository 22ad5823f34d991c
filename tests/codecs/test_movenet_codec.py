"""Targets of MoveNet's heads, and poses as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from centergroup_mm.codecs import MoveNetCodec

from ..models.grouping.test_one_shot import NUM_KEYPOINTS, SIZE, people, perfect_maps


def test_labels_come_back_whole():
    codec = MoveNetCodec(input_size=SIZE)
    joints, boxes = people(3)
    visible = np.ones(joints.shape[:2])
    visible[1, 2] = 0
    encoded = codec.encode(joints, visible, boxes)
    keypoints, seen = codec.decode(encoded)
    np.testing.assert_array_equal(keypoints, joints)
    np.testing.assert_array_equal(seen, visible)
    np.testing.assert_array_equal(encoded['boxes'], boxes)


def test_heatmaps_peak_at_the_cells_of_joints_and_box_centers():
    joints, boxes = people(2)
    heatmap = MoveNetCodec(input_size=SIZE).encode(joints, None, boxes)['heatmaps'][0]
    assert heatmap.shape == (NUM_KEYPOINTS + 1, SIZE[1] // 4, SIZE[0] // 4)
    assert heatmap.dtype == np.float32
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    expected = np.zeros(heatmap.shape, bool)
    for person, middle in zip(joints, middles, strict=True):
        for kind, (x, y) in enumerate([*person, middle]):
            expected[kind, int(y / 4), int(x / 4)] = True
    np.testing.assert_array_equal(heatmap == 1, expected)


def test_what_is_outside_the_input_does_not_count():
    joints, boxes = people(2)
    joints[0, 0] = (-1, 10)  # one joint of the first person is outside
    boxes[1] += SIZE[0]  # all of the second person, whose joints keep their visibility
    joints[1, :, 0] += SIZE[0]
    encoded = MoveNetCodec(input_size=SIZE).encode(joints, np.ones(joints.shape[:2]), boxes)
    assert len(encoded['joints']) == len(encoded['boxes']) == 1
    np.testing.assert_array_equal(encoded['joints_visible'], [[0, 1, 1]])


def test_boxes_are_cut_and_corners_are_taken():
    joints, boxes = people(1)
    boxes[0] = (-20, -20, 60, 40)
    encoded = MoveNetCodec(input_size=SIZE).encode(joints, None, boxes)
    np.testing.assert_array_equal(encoded['boxes'], [[0, 0, 60, 40]])
    corners = np.array([[[60, 40], [-20, 40], [60, -20], [-20, -20]]])
    again = MoveNetCodec(input_size=SIZE).encode(joints, None, corners)
    np.testing.assert_array_equal(encoded['boxes'], again['boxes'])
    without = MoveNetCodec(input_size=SIZE).encode(joints)
    extent = np.concatenate([joints.min(1), joints.max(1)], 1)
    np.testing.assert_array_equal(without['boxes'], extent)


def test_nobody():
    encoded = MoveNetCodec(input_size=SIZE).encode(np.zeros((0, NUM_KEYPOINTS, 2)))
    assert encoded['joints'].shape == (0, NUM_KEYPOINTS, 2)
    assert encoded['boxes'].shape == (0, 4)
    assert not encoded['heatmaps'][0].any()
    nobody = perfect_maps(*people(0))
    poses = MoveNetCodec(max_people=5).batch_decode(nobody, score_thr=0.01)[0]
    assert poses.keypoints.shape == (0, NUM_KEYPOINTS, 2) and poses.bboxes.shape == (0, 4)


@pytest.mark.parametrize('number', [1, 3, 4])
def test_poses_are_those_of_the_labels(number):
    joints, boxes = people(number)
    maps = perfect_maps(joints, boxes)
    poses = MoveNetCodec(max_people=20).batch_decode(maps, score_thr=0.5)[0]
    assert len(poses) == number and isinstance(poses.keypoints, np.ndarray)
    order = poses.keypoints[:, 0, 0].argsort()
    expected = joints[joints[:, 0, 0].argsort()]
    np.testing.assert_allclose(poses.keypoints[order], expected, atol=1e-3)
    extent = np.concatenate([expected.min(1), expected.max(1)], 1)
    np.testing.assert_allclose(poses.bboxes[order], extent, atol=1e-3)


def test_max_people_keeps_the_best_centers():
    maps = perfect_maps(*people(4))
    everybody = MoveNetCodec(max_people=20).batch_decode(maps, score_thr=0.1)[0]
    best = MoveNetCodec(max_people=2).batch_decode(maps)[0]
    np.testing.assert_array_equal(best.keypoints, everybody.keypoints[:2])
