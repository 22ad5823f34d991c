"""Centers and heatmap targets, alone and against the official implementation."""

from __future__ import annotations

import numpy as np
import pytest

from centergroup_mm.codecs import AttentionGroupingCodec, CenterAssociativeEmbedding
from centergroup_mm.codecs.multilevel_heatmap import (
    draw_gaussians,
    encode_centers,
    encode_heatmaps,
)

from ..parity.conftest import files_of

SIZE = (64, 48)


def test_the_peak_is_at_the_truncated_cell():
    points = np.array([[[30.9, 17.9], [0.0, 47.9]]])
    for stride in (4, 2):
        maps = encode_heatmaps(points, np.ones((1, 2)), SIZE, stride)
        assert maps.shape == (2, 48 // stride, 64 // stride)
        assert maps.dtype == np.float32
        for kind, (x, y) in enumerate(points[0]):
            peak = np.unravel_index(maps[kind].argmax(), maps[kind].shape)
            assert peak == (int(y / stride), int(x / stride))
            assert maps[kind].max() == 1


def test_persons_merge_by_maximum():
    points = np.array([[[20.0, 20.0]], [[26.0, 20.0]]])
    both = encode_heatmaps(points, np.ones((2, 1)), SIZE, 2)
    alone = [encode_heatmaps(points[i : i + 1], np.ones((1, 1)), SIZE, 2) for i in (0, 1)]
    np.testing.assert_array_equal(both, np.maximum(*alone))


def test_unlabeled_and_outside_joints_draw_nothing():
    points = np.array([[[-0.5, 20.0], [64.0, 20.0], [20.0, 48.0], [20.0, 20.0]]])
    maps = encode_heatmaps(points, np.array([[1, 1, 1, 0]]), SIZE, 4)
    assert not maps.any()


def test_nobody():
    centers, valid = encode_centers(np.zeros((0, 17, 2)), np.zeros((0, 17)), SIZE)
    assert centers.shape == (0, 2) and valid.shape == (0,)
    assert not encode_heatmaps(np.zeros((0, 18, 2)), np.zeros((0, 18)), SIZE, 4).any()


def test_the_input_must_be_a_multiple_of_the_stride():
    with pytest.raises(ValueError, match='multiple'):
        encode_heatmaps(np.zeros((0, 1, 2)), np.zeros((0, 1)), (62, 64), 4)


def test_centers_are_means_of_what_is_seen():
    points = np.array([[[10.0, 10.0], [20.0, 30.0], [70.0, 10.0], [50.0, 40.0]]] * 2)
    visible = np.array([[1, 2, 1, 0], [0, 0, 1, 0]])
    centers, valid = encode_centers(points, visible, SIZE)
    np.testing.assert_array_equal(valid, [True, False])
    np.testing.assert_array_equal(centers[0], [15.0, 20.0])


@pytest.mark.parametrize('path', files_of('loss_group'))
def test_targets_of_the_official_implementation(path):
    data = np.load(path)
    for level in (0, 1):
        theirs = data[f'in/targets_{level}']
        size = theirs.shape[:-3:-1]
        for joints, target in zip(data[f'in/joints__{level}'], theirs, strict=True):
            maps = draw_gaussians(joints[..., :2], joints[..., 2], size)
            np.testing.assert_allclose(maps, target, rtol=0, atol=1e-6)


@pytest.mark.parametrize('path', files_of('loss_group'))
def test_centers_of_the_official_implementation(path):
    for joints in np.load(path)['in/joints__2']:
        centers, valid = encode_centers(joints[:, :-1, :2], joints[:, :-1, 2], (128, 128))
        np.testing.assert_array_equal(valid, joints[:, -1, 2] > 0)
        np.testing.assert_allclose(centers[valid], joints[valid, -1, :2], rtol=0, atol=1e-4)


@pytest.mark.parametrize('codec', [AttentionGroupingCodec, CenterAssociativeEmbedding])
def test_mirrored_targets_on_the_grid_or_at_the_joint(codec):
    """A joint at pixel x of an input of 64 pixels, mirrored to 63 - x as MMPose's flip does."""
    for x in range(64):
        points = np.array([[[63 - x, 10.0]]], dtype=np.float32)
        for on_grid in (True, False):
            encoded = codec((64, 64), mirror_on_grid=on_grid).encode(points, flip=True)
            for level, stride in zip(encoded['heatmaps'], (4, 2), strict=True):
                cells = 64 // stride
                # official implementation: int() of the joint on the level's grid, mirrored there
                wanted = int(cells - 1 - x / stride) if on_grid else cells - 1 - x // stride
                assert tuple(np.argwhere(level[0] == 1)[0]) == (10 // stride, wanted)
            if 'keypoint_indices' in encoded:
                wanted = int(15 - x / 4) if on_grid else 15 - x // 4
                assert encoded['keypoint_indices'][0, 0].tolist() == [2 * 16 + wanted, 1]
