"""Old names of arguments keep working."""

from __future__ import annotations

import pytest
from mmpose.registry import MODELS

import centergroup_mm  # noqa: F401

PARTS = {
    'CenterHigherHRNetHead': dict(in_channels=4),
    'CenterGroupNeck': dict(in_channels=4, channels=16, hidden=16),
    'AttentionGrouping': dict(channels=16),
}


@pytest.mark.parametrize('name', PARTS)
def test_num_joints_is_num_keypoints(name):
    with pytest.warns(FutureWarning, match=f'{name}: num_joints is called num_keypoints now'):
        old = MODELS.build(dict(type=name, num_joints=3, **PARTS[name]))
    new = MODELS.build(dict(type=name, num_keypoints=3, **PARTS[name]))
    assert old.num_keypoints == new.num_keypoints == 3
    assert [p.shape for p in old.parameters()] == [p.shape for p in new.parameters()]


@pytest.mark.parametrize('name', PARTS)
def test_both_names_at_once_are_refused(name):
    with pytest.raises(TypeError, match='got num_keypoints and also num_joints'):
        MODELS.build(dict(type=name, num_joints=3, num_keypoints=3, **PARTS[name]))
