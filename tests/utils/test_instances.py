"""Poses in MMPose's container."""

from __future__ import annotations

import numpy as np

from centergroup_mm.utils.instances import pose_instances


def test_boxes_enclose_the_keypoints_of_the_poses_that_are_kept():
    keypoints = np.array([[[1, 5], [3, 2]], [[7, 7], [8, 9]]], dtype=np.float32)
    visible = np.array([[0.5, 0.6], [0.7, 0.8]], dtype=np.float32)
    scores = np.array([0.2, 0.4], dtype=np.float32)
    every = pose_instances(keypoints, visible, scores)
    np.testing.assert_array_equal(every.bboxes, [[1, 2, 3, 5], [7, 7, 8, 9]])
    np.testing.assert_array_equal(every.bbox_scores, scores)
    kept = pose_instances(keypoints, visible, scores, score_thr=0.3)
    np.testing.assert_array_equal(kept.keypoints, keypoints[1:])
    np.testing.assert_array_equal(kept.keypoint_scores, visible[1:])


def test_no_pose_gives_empty_arrays():
    empty = pose_instances(np.zeros((0, 17, 2)), np.zeros((0, 17)), np.zeros(0))
    assert empty.bboxes.shape == (0, 4) and len(empty) == 0
