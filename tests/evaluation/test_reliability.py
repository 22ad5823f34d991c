"""Scores are judged by COCO's own matching."""

from __future__ import annotations

import json

import numpy as np

import centergroup_mm  # noqa: F401
from centergroup_mm.evaluation.reliability import judge_poses, reliability

SIGMAS = [0.05] * 17


def test_a_pose_on_a_person_is_right_and_a_second_one_is_not(tmp_path):
    points = np.stack([np.linspace(10, 90, 17), np.linspace(20, 80, 17), np.full(17, 2.0)], 1)
    person = dict(id=1, image_id=7, category_id=1, iscrowd=0, area=3000.0, num_keypoints=17)
    person.update(bbox=[10, 20, 80, 60], keypoints=points.flatten().tolist())
    content = dict(
        images=[dict(id=7, width=100, height=100, file_name='a.jpg')],
        annotations=[person],
        categories=[dict(id=1, name='person', keypoints=[str(i) for i in range(17)], skeleton=[])],
    )
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(content))
    pose = dict(image_id=7, category_id=1, keypoints=points.flatten().tolist())
    far = dict(pose, keypoints=(points + [300, 0, 0]).flatten().tolist())
    results = [dict(pose, score=0.9), dict(pose, score=0.8), dict(far, score=0.3)]
    scores, right, persons = judge_poses(path, results, SIGMAS)
    assert persons == 1
    assert dict(zip(scores.round(1).tolist(), right.tolist(), strict=True)) == {
        0.9: True,
        0.8: False,
        0.3: False,
    }


def test_shares_of_right_poses():
    scores, right = np.array([0.95, 0.92, 0.2]), np.array([True, False, False])
    low, high = reliability(scores, right, (0.0, 0.5, 1.0))
    assert low == (0.0, 0.5, 1, 0.2, 0.0)
    assert high[2] == 2 and high[4] == 0.5
