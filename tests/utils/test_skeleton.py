"""The keypoints of a dataset, read from its metainfo."""

from __future__ import annotations

import pytest
from mmpose.registry import DATASETS

from centergroup_mm.utils.skeleton import (
    fill_number,
    fill_order,
    fill_sigmas,
    read_metainfo,
)

from ..helpers.skeletons import FIVE, FOURTEEN, write_skeleton

#: HigherHRNet's for COCO, and CrowdPose's by the same rule
ORDERS = {
    'CocoDataset': [0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16],
    'CrowdPoseDataset': [12, 13, 0, 1, 6, 7, 2, 3, 4, 5, 8, 9, 10, 11],
}


@pytest.mark.parametrize('name', ORDERS)
def test_a_dataset_class_is_read_as_mmpose_reads_it(name):
    skeleton = read_metainfo(name)
    info = DATASETS.get(name)._load_metainfo()
    assert skeleton.num_keypoints == info['num_keypoints']
    assert list(skeleton.flip_indices) == info['flip_indices']
    assert skeleton.sigmas == pytest.approx(info['sigmas'])
    assert list(skeleton.links) == [tuple(link) for link in info['skeleton_links']]


@pytest.mark.parametrize('name', ORDERS)
def test_keypoints_are_grouped_from_the_head_to_the_limbs(name):
    assert read_metainfo(name).grouping_order == ORDERS[name]


def test_a_file_is_read(tmp_path):
    skeleton = read_metainfo(dict(from_file=str(write_skeleton(tmp_path / 'mine.py', FIVE))))
    assert skeleton.names == FIVE
    assert skeleton.flip_indices == (0, 2, 1, 4, 3)
    assert skeleton.sigmas == pytest.approx((0.05, 0.06, 0.07, 0.08, 0.09))


def test_the_grouping_order_follows_names_and_not_numbers(tmp_path):
    skeleton = read_metainfo(dict(from_file=str(write_skeleton(tmp_path / 'mine.py', FOURTEEN))))
    assert [skeleton.names[index] for index in skeleton.grouping_order] == [
        'top_head',
        'neck',
        'left_shoulder',
        'right_shoulder',
        'left_hip',
        'right_hip',
        'left_elbow',
        'right_elbow',
        'left_wrist',
        'right_wrist',
        'left_knee',
        'right_knee',
        'left_ankle',
        'right_ankle',
    ]


def test_parts_keep_what_they_say_themselves():
    skeleton = read_metainfo('CrowdPoseDataset')
    assert fill_number(dict(type='A'), skeleton) == dict(type='A', num_keypoints=14)
    assert fill_number(dict(num_keypoints=3), skeleton) == dict(num_keypoints=3)
    assert fill_number(dict(num_joints=3), skeleton) == dict(num_joints=3)
    assert fill_sigmas(dict(sigmas=[1.0]), skeleton) == dict(sigmas=[1.0])
    assert len(fill_sigmas({}, skeleton)['sigmas']) == 14
    assert fill_order(dict(decode_keypoint_order=[0]), skeleton)['decode_keypoint_order'] == [0]
    assert fill_number({}, None) == fill_sigmas({}, None) == fill_order({}, None) == {}


def info(**changes):
    """Metainfo of two keypoints."""
    keypoints = {0: dict(name='a', swap='b'), 1: dict(name='b', swap='a')}
    return dict(
        dataset_name='two',
        keypoint_info=keypoints,
        skeleton_info={},
        joint_weights=[1.0, 1.0],
        sigmas=[0.1, 0.1],
    ) | dict(changes)


@pytest.mark.parametrize(
    ('metainfo', 'message'),
    [
        ('NoDataset', "'NoDataset' is no registered dataset with keypoints"),
        (dict(from_file='missing.py'), r'missing\.py cannot be read: .* does not exist'),
        (dict(dataset_name='two'), 'two needs dataset_name, keypoint_info'),
        (info(sigmas=[0.1]), 'two: 2 keypoints in keypoint_info, 1 sigmas'),
        (info(joint_weights=[1.0]), 'two: 2 keypoints in keypoint_info, 1 joint_weights'),
        (info(keypoint_info={0: dict(name='a', swap='c')}), "two has no keypoint or entry 'c'"),
        (
            info(keypoint_info={1: dict(name='a'), 2: dict(name='b')}),
            'two: keypoint_info must be numbered 0 to 1',
        ),
    ],
)
def test_what_is_no_skeleton_says_so(metainfo, message):
    with pytest.raises(ValueError, match=message):
        read_metainfo(metainfo)
