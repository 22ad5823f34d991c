"""Encoding people as offsets, and poses from offsets and detected keypoints."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from centergroup_offsets import OffsetsCodec

from centergroup_mm.models.grouping import merge_heatmap_levels, refine_points, select_proposals

SIZE = (256, 192)


def people(num: int) -> np.ndarray:
    """[N x 17 x 2] joints of people apart from each other, in pixels of 256 x 192."""
    generator = np.random.default_rng(0)
    corner = np.stack([np.arange(num) * 80 + 10, np.full(num, 30)], -1)
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(5)), -1).reshape(-1, 2)[:17] * [14, 24]
    return corner[:, None] + grid[None] + generator.uniform(0, 3, (num, 17, 2))


def detected(encoded: dict):
    """Merged maps, keypoints and centers of a network whose heatmaps are the targets."""
    levels = [torch.from_numpy(level)[None] for level in encoded['heatmaps']]
    maps = F.interpolate(merge_heatmap_levels(levels), size=SIZE[::-1], mode='bilinear')
    keypoints = select_proposals(maps[:, :-1], 30, 5, score_thr=0.3, min_slots=0)
    centers = select_proposals(maps[:, -1:], 30, 17, score_thr=0.3, min_slots=0)
    return maps, keypoints, centers.flatten()


def regress(encoded: dict, maps, centers, error: float = 0.0) -> torch.Tensor:
    """Joints [1 x C x K x 2] of a network that regresses the offsets up to a random error."""
    places = refine_points(centers.points[:, :, None].float(), maps[:, -1:])[:, :, 0]
    if not len(encoded['centers']):
        return places[:, :, None].expand(-1, -1, 17, -1)
    own = torch.cdist(places[0], torch.from_numpy(encoded['centers'])).argmin(1)
    offsets = torch.from_numpy(encoded['offsets'])[own]
    noise = torch.empty_like(offsets).uniform_(-error, error)
    return (places[0, :, None] + offsets + noise)[None]


@pytest.mark.parametrize('num', [0, 1, 3])
def test_round_trip_through_heatmaps_and_coarse_offsets(num):
    torch.manual_seed(0)
    codec = OffsetsCodec(input_size=SIZE)
    joints = people(num)
    encoded = codec.encode(joints, np.ones((num, 17)))
    assert [level.shape for level in encoded['heatmaps']] == [(18, 48, 64), (18, 96, 128)]
    maps, keypoints, centers = detected(encoded)
    assert centers.valid.sum() == num
    # Offsets that miss by up to six pixels still choose the keypoint, which is exact.
    poses = codec.batch_decode(
        regress(encoded, maps, centers, error=6.0), centers, keypoints, maps[:, :-1]
    )
    (found,) = codec.to_instances(poses)
    assert found.keypoints.shape == (num, 17, 2)
    for pose in found.keypoints:
        # cells are two pixels wide at the finer level
        assert np.abs(joints - pose).max(axis=(1, 2)).min() < 3.0
    if num:
        assert (found.keypoint_scores > 0.7).all()
        peaks = maps[0, -1].flatten().topk(1).values.item()
        assert found.bbox_scores.max() == pytest.approx(peaks)
    np.testing.assert_allclose(codec.decode(encoded)[0], joints, atol=1e-4)


def test_a_joint_without_detection_stays_where_it_was_regressed():
    codec = OffsetsCodec(input_size=SIZE)
    joints = people(2)
    visible = np.ones((2, 17))
    visible[:, 4] = 0
    encoded = codec.encode(joints, visible)
    maps, keypoints, centers = detected(encoded)
    assert not keypoints.valid[0, 4].any()
    regressed = regress(encoded, maps, centers)
    poses = codec.batch_decode(regressed, centers, keypoints, maps[:, :-1])
    kept = poses.valid[0]
    assert torch.equal(poses.keypoints[0, kept, 4], regressed[0, kept, 4])
    assert not poses.keypoint_scores[0, kept, 4].any()
    assert (poses.keypoints[0, kept, 5] != regressed[0, kept, 5]).any()


def test_far_keypoints_are_matched_unless_told_otherwise():
    joints = people(1)
    encoded = OffsetsCodec(input_size=SIZE).encode(joints)
    maps, keypoints, centers = detected(encoded)
    regressed = regress(encoded, maps, centers)
    regressed[0, 0, 7, 0] += 60  # the box is about 100 high: 0.6 of it
    results = {}
    for max_shift in (None, 0.3, 2.0):
        codec = OffsetsCodec(input_size=SIZE, max_shift=max_shift)
        results[max_shift] = codec.batch_decode(regressed, centers, keypoints, maps[:, :-1])
    for max_shift in (None, 2.0):
        place = results[max_shift].keypoints[0, 0, 7].numpy()
        np.testing.assert_allclose(place, joints[0, 7], atol=3.0)
    assert torch.equal(results[0.3].keypoints[0, 0, 7], regressed[0, 0, 7])
    assert torch.equal(results[0.3].keypoints[0, 0, 6], results[None].keypoints[0, 0, 6])


def test_joints_outside_or_unlabeled_teach_nothing():
    codec = OffsetsCodec(input_size=SIZE)
    joints = people(3)
    joints[0, 3] += 1000
    joints[1] -= 1000
    visible = np.ones((3, 17))
    visible[2, 5] = 0
    encoded = codec.encode(joints, visible)
    assert encoded['offsets_visible'].sum(1).tolist() == [16, 0, 16]
    assert not encoded['offsets'][1].any() and not encoded['offsets'][2, 5].any()
    left = np.delete(joints[0], 3, axis=0)
    np.testing.assert_allclose(encoded['centers'][0], left.mean(0), rtol=1e-6)
    np.testing.assert_allclose(encoded['offsets'][0, 0], joints[0, 0] - left.mean(0), atol=1e-4)


def test_a_shift_that_matches_nothing_is_refused():
    with pytest.raises(ValueError, match='max_shift must be positive or None, got 0'):
        OffsetsCodec(input_size=SIZE, max_shift=0)
