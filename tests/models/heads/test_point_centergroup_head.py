"""CenterGroup over a detector with offsets and regressed keypoints: poses of views and batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn

import centergroup_mm  # noqa: F401
from centergroup_mm.models.heads.pose_views import mirror_back

FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def build_head(**options) -> nn.Module:
    """A head with random weights over a small pyramid."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    detector = dict(type='MoveNetHead', in_channels=6, feat_channels=8)
    config = dict(
        type='PointCenterGroupHead',
        detector=detector,
        metainfo='CocoDataset',
        in_channels=10,
        channels=16,
        decode=dict(pose_channels=8),
        num_centers=5,
        num_peaks=4,
    )
    return MODELS.build(config | options).eval()


def pyramid(batch: int = 2, height: int = 12, width: int = 16) -> list[torch.Tensor]:
    """Levels at 1/8 and 1/4."""
    torch.manual_seed(1)
    coarse = torch.randn(batch, 4, height // 2, width // 2)
    return [coarse, torch.randn(batch, 6, height, width)]


def samples(count: int, height: int = 12, width: int = 16, **metas) -> list[PoseDataSample]:
    shape = dict(input_size=(4 * width, 4 * height), flip_indices=FLIP)
    return [PoseDataSample(metainfo=shape | metas) for _ in range(count)]


def test_a_batch_gives_what_its_images_give():
    head, feats = build_head(), pyramid()
    together = head(feats)
    assert together.keypoints.shape == (2, 5, 17, 2)
    for i in range(2):
        alone = head([level[i : i + 1] for level in feats])
        for one, field in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], field[i])


def test_poses_come_best_first_and_above_the_threshold():
    head, feats = build_head(suppress_oks=1.0), pyramid(1)
    every = head.predict(feats, samples(1))[0]
    assert len(every.bbox_scores) > 1
    assert (np.diff(every.bbox_scores) <= 0).all()
    low = every.keypoints.min(1)
    np.testing.assert_allclose(every.bboxes[:, :2], low)
    threshold = float(np.mean(every.bbox_scores[:2]))
    some = head.predict(feats, samples(1), dict(score_thr=threshold))[0]
    assert len(some.bbox_scores) == (every.bbox_scores >= threshold).sum()


def test_mirroring_twice_changes_nothing():
    poses, flip = build_head()(pyramid()), torch.tensor(FLIP)
    back = mirror_back(mirror_back(poses, flip, 64), flip, 64)
    torch.testing.assert_close(back.keypoints, poses.keypoints)
    torch.testing.assert_close(back.keypoint_scores, poses.keypoint_scores)


def test_two_equal_views_give_the_poses_of_one():
    head, feats = build_head(), pyramid(1)
    factors = [np.array([1.0, 1.0]), np.array([1.0, 1.0])]
    one = head.predict(feats, samples(1))[0]
    two = head.predict(
        [feats, feats], samples(1, scale_factors=factors), dict(multiscale_test=True)
    )[0]
    best = one.bbox_scores.argmax()
    np.testing.assert_allclose(two.bbox_scores[0], one.bbox_scores[best], atol=1e-6)
    np.testing.assert_allclose(two.keypoints[0], one.keypoints[best], atol=1e-3)


def test_poses_of_another_scale_are_mapped_to_the_first():
    head, feats = build_head(suppress_oks=1.0), pyramid(1)
    factors = [np.array([2.0, 2.0]), np.array([1.0, 0.5])]
    one = head.predict(feats, samples(1))[0]
    head.fuse_oks = 2.0  # nothing is one person, so that poses come out as they are
    both = head.predict(
        [feats, feats], samples(1, scale_factors=factors), dict(multiscale_test=True)
    )[0]
    wanted = one.keypoints[0] * np.array([2.0, 4.0])
    assert np.isclose(both.keypoints, wanted, atol=1e-3).all((1, 2)).any()


def test_scales_need_their_factors():
    feats = pyramid(1)
    with pytest.raises(ValueError, match='scale_factors'):
        build_head().predict([feats, feats], samples(1), dict(multiscale_test=True))


def test_flip_test_fuses_both_views():
    head, feats = build_head(), pyramid(2)
    mirrored = [level.flip(-1) for level in feats]
    found = head.predict([feats, mirrored], samples(2), dict(flip_test=True))
    assert len(found) == 2
    assert all(np.isfinite(one.keypoints).all() for one in found)


def labels(count: int) -> InstanceData:
    torch.manual_seed(3)
    corner = torch.rand(count, 2) * 20
    return InstanceData(
        joints=corner[:, None] + torch.rand(count, 17, 2) * 20,
        joints_visible=torch.ones(count, 17),
        boxes=torch.cat([corner, corner + 20], 1),
    )


@pytest.mark.parametrize('counts', [(2, 1), (0, 0)])
def test_a_frozen_detector_gets_no_gradient(counts):
    head, feats = build_head(train_detector=False).train(), pyramid()
    feats = [level.requires_grad_() for level in feats]
    batch = samples(2)
    for sample, count in zip(batch, counts, strict=True):
        sample.gt_instance_labels = labels(count)
    losses = head.loss(feats, batch)
    assert set(losses) == {
        f'loss_{part}'
        for part in ('attention', 'expectation', 'shift', 'visibility', 'similarity', 'quality')
    }
    sum(losses.values()).backward()
    assert all(level.grad is None for level in feats)
    assert all(p.grad is None for p in head.detector.parameters())
    assert head.grouping.decoder.judge.layers[0].weight.grad.any()


def test_a_detector_without_centers_is_refused(monkeypatch):
    from centergroup_mm.models.heads import MoveNetHead

    monkeypatch.setattr(MoveNetHead, 'with_center', False)
    with pytest.raises(ValueError, match='with_center'):
        build_head()


def test_infinite_features_name_the_image():
    feats = pyramid(1)
    feats[-1][0, 0, 3, 3] = float('nan')
    with pytest.raises(ValueError, match='broken image'):
        build_head().predict(feats, samples(1, img_path='broken image'))
