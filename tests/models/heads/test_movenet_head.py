"""MoveNet's heads: maps, losses, poses of batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.structures import MultilevelPixelData, PoseDataSample

from centergroup_mm.codecs import MoveNetCodec
from centergroup_mm.models.heads import Detector, MoveNetHead

SIGMAS = [0.026, 0.079, 0.089]
NUM_KEYPOINTS = len(SIGMAS)
SIZE = (96, 64)  # (w, h) in pixels


def build(**kwargs) -> MoveNetHead:
    torch.manual_seed(0)
    options = dict(
        in_channels=8,
        num_keypoints=NUM_KEYPOINTS,
        feat_channels=16,
        loss=dict(type='MoveNetLoss', sigmas=SIGMAS),
        decoder=dict(type='MoveNetCodec', max_people=4),
    )
    return MoveNetHead(**(options | kwargs))


def features(batch: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, 8, SIZE[1] // 4, SIZE[0] // 4, generator=generator)]


def samples_of(*numbers: int) -> list[PoseDataSample]:
    """Data samples with random persons, as the pipeline packs them."""
    rng = np.random.default_rng(0)
    samples = []
    for number in numbers:
        joints = rng.uniform(0, 1, (number, NUM_KEYPOINTS, 2)) * SIZE
        encoded = MoveNetCodec(SIZE).encode(joints)
        fields = MultilevelPixelData()
        fields.heatmaps = encoded['heatmaps']
        fields.heatmap_mask = [np.ones(level.shape[1:], bool) for level in encoded['heatmaps']]
        names = ('joints', 'joints_visible', 'boxes')
        labels = InstanceData(**{name: encoded[name] for name in names})
        sample = PoseDataSample(metainfo=dict(img_shape=SIZE[::-1]))
        sample.gt_fields, sample.gt_instance_labels = fields.to_tensor(), labels.to_tensor()
        samples.append(sample)
    return samples


def test_it_is_a_detector():
    head = build()
    assert isinstance(head, Detector)
    feats = features()
    raw, maps = head(feats), head.detect(feats)
    assert raw.kpt_regress.shape == (2, 2 * NUM_KEYPOINTS, 16, 24)
    assert [tuple(level.shape) for level in maps.heatmaps] == [(2, NUM_KEYPOINTS + 1, 16, 24)]
    torch.testing.assert_close(maps.heatmaps[0][:, -1:], raw.center.sigmoid())
    # (y, x) of the network become (x, y)
    torch.testing.assert_close(maps.offsets[:, 1, 0], raw.kpt_offset[:, 3])
    torch.testing.assert_close(maps.joints[:, 2, 1], raw.kpt_regress[:, 4])
    torch.testing.assert_close(maps.sizes[:, 0], raw.box_scale[:, 1].clamp(min=0))


@pytest.mark.parametrize('numbers', [(2, 1), (0, 3), (0, 0)])
def test_losses_reach_every_parameter(numbers):
    head = build()
    losses = head.loss(features(), samples_of(*numbers))
    assert set(losses) == {
        'loss_heatmap', 'loss_center', 'loss_offset', 'loss_regress', 'loss_box',
    }  # fmt: skip
    assert all(torch.isfinite(value) for value in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in head.parameters())


def test_another_head_gets_the_same_losses_but_that_of_box_offsets():
    head, feats, samples = build(), features(), samples_of(2, 1)
    own, other = head.loss(feats, samples), head.map_losses(head.detect(feats), samples)
    for name in ('loss_heatmap', 'loss_center', 'loss_offset', 'loss_regress'):
        torch.testing.assert_close(own[name], other[name], rtol=1e-4, atol=1e-5)
    assert 0 < other['loss_box'] < own['loss_box']


def test_a_batch_is_its_images():
    head, feats, samples = build().eval(), features(), samples_of(1, 1)
    samples[1].set_metainfo(dict(img_shape=(48, 64)))
    with torch.no_grad():
        together = head.predict(feats, samples)
        alone = [
            head.predict([feats[0][:1]], samples[:1])[0],
            head.predict([feats[0][1:]], samples[1:])[0],
        ]
    for one, many in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.keypoints, many.keypoints, atol=1e-4)
        np.testing.assert_allclose(one.bbox_scores, many.bbox_scores, atol=1e-6)
    assert (together[1].bbox_scores <= 1).all() and len(together[1].bbox_scores) <= 4


def test_score_threshold_and_wrong_options():
    head, feats, samples = build(), features(), samples_of(1, 1)
    with torch.no_grad():
        assert len(head.predict(feats, samples, dict(score_thr=1.1))[0]) == 0
    with pytest.raises(ValueError, match='flip_test'):
        head.predict(feats, samples, dict(flip_test=True))
    with pytest.raises(ValueError, match='decoder'):
        build(decoder=None).predict(feats, samples)
    with pytest.raises(ValueError, match='MoveNetLoss'):
        build(loss=None).loss(feats, samples)
