"""The grouping of the baseline as the benchmark times it."""

from __future__ import annotations

from pathlib import Path

import torch
from centergroup_offsets.benchmark import OffsetsBaseline
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.structures import PoseDataSample

ROOT = Path(__file__).resolve().parents[3]


def test_given_maps_become_the_poses_that_the_head_finds_in_them():
    cfg = Config.fromfile(ROOT / 'configs/centergroup_tiny_synthetic.py')
    init_default_scope('mmpose')
    torch.manual_seed(0)
    baseline = OffsetsBaseline(cfg, 'cpu')
    maps = torch.zeros(2, 18, 64, 64)
    maps[:, -1, 20, 30] = 0.9  # one center in each image
    maps[1, 3, 40, 33] = 0.8
    levels = [torch.randn(2, cfg.model.head.neck.in_channels, 16, 16)]
    given = baseline.prepare(levels, maps)
    assert torch.equal(given.maps, maps) and given.offsets.shape == (2, 17, 2, 16, 16)
    meta = dict(
        input_size=(64, 64), input_center=(32, 32), input_scale=(64, 64), ori_shape=(64, 64)
    )
    samples = [PoseDataSample(metainfo=meta) for _ in range(2)]
    poses = baseline.group(given, levels, samples, {})
    assert [pose.keypoints.shape for pose in poses] == [(1, 17, 2)] * 2
    assert abs(poses[1].keypoints[0, 3] - (33.5, 40.5)).max() <= 0.5  # moved to the keypoint
    assert abs(poses[1].keypoints[0, 4] - (30.5, 20.5)).max() < 5  # untrained: at the center
    assert poses[0].bbox_scores == torch.tensor(0.9).numpy()
