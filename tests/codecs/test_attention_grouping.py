"""Encoding people and reading them back from their own heatmaps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from centergroup_mm.codecs import AttentionGroupingCodec
from centergroup_mm.models.grouping import GroupingOutput, merge_heatmap_levels, select_proposals


def people(num: int, seed: int = 0) -> np.ndarray:
    """[N x 17 x 2] joints of people apart from each other, in pixels of 256 x 192."""
    generator = np.random.default_rng(seed)
    corner = np.stack([np.arange(num) * 80 + 10, np.full(num, 30)], -1)
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(5)), -1).reshape(-1, 2)[:17] * [14, 24]
    return corner[:, None] + grid[None] + generator.uniform(0, 3, (num, 17, 2))


@pytest.mark.parametrize('num', [0, 1, 3])
def test_round_trip_through_heatmaps_and_ideal_attention(num):
    codec = AttentionGroupingCodec(input_size=(256, 192))
    joints = people(num)
    encoded = codec.encode(joints, np.ones((num, 17)))
    assert [m.shape for m in encoded['heatmaps']] == [(18, 48, 64), (18, 96, 128)]
    levels = [torch.from_numpy(m)[None] for m in encoded['heatmaps']]
    maps = F.interpolate(merge_heatmap_levels(levels), size=(192, 256), mode='bilinear')
    found = select_proposals(maps[:, :-1], 30, 5, min_slots=0, score_thr=0.3)
    centers = select_proposals(maps[:, -1:], 30, 17, min_slots=0, score_thr=0.3).flatten()
    assert centers.valid.sum() == num
    # Attention that knows the answer: every center takes its person's nearest peak of a type.
    place = torch.zeros(1, 30, 17, 2)
    for slot in range(num):
        own = np.linalg.norm(
            encoded['joints'][:, -1] - centers.points[0, slot].numpy(), axis=-1
        ).argmin()
        distance = (found.points[0] - torch.from_numpy(joints[own])[:, None]).float().norm(dim=-1)
        best = distance.argmin(1)
        place[0, slot] = found.points[0, torch.arange(17), best].float()
    sure = torch.full((1, 30, 17), 5.0)
    output = GroupingOutput(None, None, place, sure, sure[:, :, 0])
    poses = codec.batch_decode(output, maps[:, :-1], centers.valid)
    instances = codec.to_instances(poses)[0]
    assert instances.keypoints.shape == (num, 17, 2)
    truth, _ = codec.decode(encoded)
    for pose in instances.keypoints:
        # cells are two pixels wide at the finer level
        assert np.abs(truth - pose).max(axis=(1, 2)).min() < 3.0


def test_labels_say_who_can_be_matched():
    codec = AttentionGroupingCodec(input_size=(256, 192))
    joints = people(3)
    joints[1] += 1000
    visible = np.ones((3, 17))
    visible[2] = 0
    encoded = codec.encode(joints, visible, bbox=np.array([[10, 20, 60, 150.0]] * 3))
    assert encoded['matchable'].tolist() == [1, 0, 0]
    assert encoded['joints_visible'][1].sum() == 0
    assert encoded['box_sizes'][0].tolist() == [50, 130]
    assert np.allclose(encoded['joints'][0, -1], joints[0].mean(0))


def test_low_scores_are_dropped():
    codec = AttentionGroupingCodec(input_size=(64, 64))
    output = GroupingOutput(
        None, None, torch.zeros(1, 2, 17, 2), torch.zeros(1, 2, 17), torch.tensor([[3.0, -3.0]])
    )
    poses = codec.batch_decode(output, torch.zeros(1, 17, 64, 64), torch.tensor([[True, True]]))
    assert len(codec.to_instances(poses)[0].keypoints) == 2
    assert len(codec.to_instances(poses, score_thr=0.3)[0].keypoints) == 1
    assert codec.to_instances(poses, score_thr=2.0)[0].bboxes.shape == (0, 4)
