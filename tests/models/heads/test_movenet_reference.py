"""MoveNet with the released weights computes what TensorFlow.js computes."""

from __future__ import annotations

import numpy as np
import pytest

from centergroup_mm.models.grouping.one_shot import snap_to_joints

from ...helpers.movenet import (
    NEEDS_REFERENCE,
    NEEDS_RELEASE,
    REFERENCE,
    reference_input,
    released_movenet,
    run,
)

#: largest float32 differences to expect, from folded weights of up to 1121
TOLERANCES = {'photo': dict(m5=2e-2, rest=2e-3), 'random': dict(m5=2e-3, rest=2e-4)}


@NEEDS_RELEASE
@NEEDS_REFERENCE
@pytest.mark.parametrize('case', ['photo', 'random'])
def test_pyramid_heads_and_poses(case):
    with np.load(REFERENCE) as file:
        reference = dict(file)
    feats, maps = run(released_movenet(), reference_input(case, reference))
    names = [*zip(('m5', 'p4', 'p3', 'p2'), feats, strict=True), *maps._asdict().items()]
    for name, value in names:
        expected = reference[f'{case}_{name}'].transpose(2, 0, 1)
        tolerance = TOLERANCES[case].get(name, TOLERANCES[case]['rest'])
        np.testing.assert_allclose(value[0].numpy(), expected, rtol=0, atol=tolerance, err_msg=name)

    poses = snap_to_joints(maps, max_people=6)
    height, width = maps.center.shape[-2:]
    rows = reference[f'{case}_output']
    joints = rows[:, :51].reshape(6, 17, 3)  # y, x, score; y and x from 0 to 1
    found = poses.keypoints[0].numpy() / (width, height)
    np.testing.assert_allclose(found, joints[..., [1, 0]], atol=1e-5)
    np.testing.assert_allclose(poses.keypoint_scores[0].numpy(), joints[..., 2], atol=1e-5)
    boxes = poses.boxes[0].numpy() / (width, height, width, height)
    np.testing.assert_allclose(boxes, rows[:, [52, 51, 54, 53]], atol=1e-5)
    np.testing.assert_allclose(poses.scores[0].numpy(), rows[:, 55], atol=1e-5)
