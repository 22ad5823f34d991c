"""The loss of MoveNet's maps."""

from __future__ import annotations

import pytest
import torch

from centergroup_mm.codecs import MoveNetCodec
from centergroup_mm.models.losses import MoveNetLoss
from centergroup_mm.models.losses.movenet_loss import penalty_reduced_focal_loss

from ..grouping.test_one_shot import NUM_KEYPOINTS, SIZE, people, perfect_maps

SIGMAS = [0.05] * NUM_KEYPOINTS


def loss_of(maps, joints, boxes, **kwargs) -> dict[str, torch.Tensor]:
    encoded = MoveNetCodec(SIZE).encode(joints, None, boxes)
    heatmaps = torch.from_numpy(encoded['heatmaps'][0])[None]
    return MoveNetLoss(SIGMAS, **kwargs)(
        maps,
        heatmaps,
        torch.ones(1, *heatmaps.shape[-2:]),
        [torch.from_numpy(encoded['joints']) / 4],
        [torch.from_numpy(encoded['joints_visible'])],
        [torch.from_numpy(encoded['boxes']) / 4],
    )


def test_focal_loss_by_hand():
    logits = torch.tensor([0.3, -0.2])
    score = logits.sigmoid()
    targets = torch.tensor([1.0, 0.5])
    positive = -((1 - score[0]) ** 2) * score[0].log()
    negative = -(0.5**4) * score[1] ** 2 * (1 - score[1]).log()
    torch.testing.assert_close(penalty_reduced_focal_loss(logits, targets), positive + negative)
    weights = torch.tensor([1.0, 0.0])
    torch.testing.assert_close(penalty_reduced_focal_loss(logits, targets, weights), positive)


def test_perfect_maps_cost_nothing_and_each_error_its_own_loss():
    joints, boxes = people(2)
    maps = perfect_maps(joints, boxes)
    losses = loss_of(maps, joints, boxes)
    for name in ('loss_regress', 'loss_offset', 'loss_box'):
        assert losses[name] == pytest.approx(0, abs=1e-4), name
    for field, name in (
        ('kpt_regress', 'loss_regress'),
        ('kpt_offset', 'loss_offset'),
        ('box_scale', 'loss_box'),
        ('box_offset', 'loss_box'),
        ('kpt_heatmap', 'loss_heatmap'),
        ('center', 'loss_center'),
    ):
        wrong = loss_of(maps._replace(**{field: getattr(maps, field) + 1}), joints, boxes)
        changed = [key for key in losses if abs(wrong[key] - losses[key]) > 1e-3]
        assert changed == [name] and wrong[name] > losses[name], field


def test_the_own_peak_is_taught_too():
    joints, boxes = people(1)
    maps = perfect_maps(joints, boxes)
    x, y = ((boxes[0, :2] + boxes[0, 2:]) / 8).astype(int)
    center = maps.center.clone()
    center[0, 0, y, x + 1] = 20.0  # the model finds the person one cell to the right
    regress = torch.full_like(maps.kpt_regress, 50.0)
    regress[..., y, x] = maps.kpt_regress[..., y, x]
    shifted = maps._replace(center=center, kpt_regress=regress)
    assert loss_of(shifted, joints, boxes)['loss_regress'] > 1
    assert loss_of(shifted, joints, boxes, peak_radius=0)['loss_regress'] == pytest.approx(0)


def test_confident_cells_without_labels_weigh_less():
    joints, boxes = people(1)
    maps = perfect_maps(joints, boxes)
    center = maps.center.clone()
    center[0, 0, 0, 0] = 3.0
    with_ghost = maps._replace(center=center)
    base = loss_of(maps, joints, boxes)['loss_center']
    light, full = (
        loss_of(with_ghost, joints, boxes, unlabeled_weight=w)['loss_center'] - base
        for w in (0.25, 1.0)
    )
    torch.testing.assert_close(light, 0.25 * full, rtol=1e-3, atol=1e-4)
