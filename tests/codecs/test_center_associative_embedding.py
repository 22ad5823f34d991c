"""Targets of the detector and grouping by tags."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from centergroup_mm.codecs import CenterAssociativeEmbedding

SIZE = (128, 96)
RNG = np.random.default_rng(0)


def scene(num_keypoints: int = 17) -> tuple[np.ndarray, np.ndarray]:
    """Two persons [2 x K x 2] on either side of the input, some joints unlabeled."""
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(5)), -1).reshape(-1, 2)[:num_keypoints]
    points = grid * (13.0, 17.0) + RNG.uniform(5, 8, (2, num_keypoints, 2))
    points[1, :, 0] += 62
    visible = np.ones((2, num_keypoints), dtype=np.float32)
    visible[0, 3] = visible[1, 8] = 0
    return points.astype(np.float32), visible


def decode(codec, encoded, tag_of_person=(0.0, 5.0), views=1):
    """Poses from perfect heatmaps, with a tag around every joint of a person."""
    levels = [torch.from_numpy(level)[None] for level in encoded['heatmaps']]
    num_types = levels[0].shape[1]
    tags = torch.full_like(levels[0], -20.0)
    for person, tag in zip(encoded['keypoint_indices'], tag_of_person, strict=True):
        for kind, (index, valid) in enumerate(person):
            if valid:
                y, x = divmod(int(index), tags.shape[-1])
                tags[0, kind, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = tag
    tags = torch.cat([tags + 100 * view for view in range(views)], dim=1)
    assert tags.shape[1] == views * num_types
    return codec.batch_decode(levels, tags)


@pytest.mark.parametrize('with_center', [True, False])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('num_keypoints', [17, 14])
def test_round_trip(with_center, stride, num_keypoints):
    points, visible = scene(num_keypoints)
    codec = CenterAssociativeEmbedding(SIZE, with_center=with_center, decode_stride=stride)
    encoded = codec.encode(points, visible)
    keypoints, scores, pose_scores = (batch[0] for batch in decode(codec, encoded))
    assert keypoints.shape == (2, num_keypoints, 2) and scores.shape == (2, num_keypoints)
    assert pose_scores.shape == (2,)
    order = np.argsort(keypoints[..., 0].mean(1))
    distance = np.linalg.norm(keypoints[order] - points, axis=-1)[visible > 0]
    # The merged peak sits in a cell of 4 pixels at one level and of 2 at the other.
    assert distance.max() < 2.5 and distance.mean() < 1.2


def test_two_views_of_tags():
    points, visible = scene()
    codec = CenterAssociativeEmbedding(SIZE)
    once = decode(codec, codec.encode(points, visible))
    twice = decode(codec, codec.encode(points, visible), views=2)
    np.testing.assert_array_equal(once[0][0], twice[0][0])


def test_nobody():
    codec = CenterAssociativeEmbedding(SIZE)
    encoded = codec.encode(np.zeros((0, 17, 2)), np.zeros((0, 17)))
    assert encoded['keypoint_indices'].shape == (0, 17, 2)
    assert [level.shape for level in encoded['heatmaps']] == [(18, 24, 32), (18, 48, 64)]
    keypoints, scores, pose_scores = (b[0] for b in decode(codec, encoded, tag_of_person=()))
    assert keypoints.shape == (0, 17, 2) and scores.shape == (0, 17) and len(pose_scores) == 0


def test_joints_outside_do_not_count():
    points, visible = scene()
    points[0, 0] = (-3, 5)
    points[0, 1] = (500, 5000)
    encoded = CenterAssociativeEmbedding(SIZE).encode(points, visible)
    assert (encoded['keypoint_indices'][0, :2] == 0).all()
    assert encoded['keypoint_indices'][..., 0].max() < 24 * 32
    np.testing.assert_array_equal(encoded['keypoint_weights'][0, :4], [0, 0, 1, 0])
    index = encoded['keypoint_indices'][1, 0]
    x, y = points[1, 0]
    assert tuple(index) == (int(y // 4) * 32 + int(x // 4), 1)


def test_every_target_is_named_for_packing():
    encoded = CenterAssociativeEmbedding(SIZE).encode(*scene())
    tables = CenterAssociativeEmbedding.label_mapping_table
    tables = tables | CenterAssociativeEmbedding.field_mapping_table
    assert set(encoded) <= set(tables)
    assert {'heatmap_mask', 'padding_mask'} <= set(tables)


def test_stride():
    with pytest.raises(ValueError, match='decode_stride'):
        CenterAssociativeEmbedding(SIZE, decode_stride=3)
