"""Grouping at points: proposals between cells, geometry, candidates, pose suppression, losses."""

from __future__ import annotations

import math

import pytest
import torch

from centergroup_mm.models.grouping import point_tokens
from centergroup_mm.models.grouping.candidate_attention import choose
from centergroup_mm.models.grouping.geometry import RegressedDistance, distance_logits
from centergroup_mm.models.grouping.point_grouping import PointGrouping
from centergroup_mm.models.grouping.point_proposals import (
    CenterPeaks,
    KeypointPeaks,
    propose_centers,
    propose_keypoints,
)
from centergroup_mm.models.grouping.point_tokens import PointFeatures, sample_cells
from centergroup_mm.models.grouping.pose_fusion import fuse_poses
from centergroup_mm.models.grouping.pose_similarity import pose_similarity, suppress
from centergroup_mm.models.losses.point_grouping_loss import Persons, PointGroupingLoss

K, SAMPLED = 5, 12
SIGMAS = torch.tensor([0.03, 0.05, 0.07, 0.09, 0.1])


def scene(batch: int = 2, centers: int = 6, ranks: int = 4) -> tuple:
    """Random proposals and features of them."""
    torch.manual_seed(0)
    points = torch.rand(batch, K, ranks, 2) * 40
    keypoints = KeypointPeaks(
        points,
        points.floor() + 0.5,
        torch.randn(batch, K, ranks),
        torch.rand(batch, K, ranks) > 0.2,
    )
    cells = torch.rand(batch, centers, 2) * 40
    regressed = cells[:, :, None] + torch.randn(batch, centers, K, 2) * 4
    center = CenterPeaks(
        cells,
        torch.randn(batch, centers),
        torch.rand(batch, centers, 2) * 10 + 4,
        regressed,
        torch.arange(centers).expand(batch, -1) < centers - 1,
    )
    features = PointFeatures(
        torch.randn(batch, K, ranks, SAMPLED),
        torch.randn(batch, centers, SAMPLED),
        torch.randn(batch, centers, K, SAMPLED),
    )
    return features, keypoints, center


def network(**options) -> PointGrouping:
    torch.manual_seed(1)
    decoder = dict(pose_channels=8) | options.pop('decoder', {})
    net = PointGrouping(SAMPLED, K, channels=16, decoder=decoder, **options).eval()
    for parameter in net.parameters():  # also those that start at zero
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net


def people(count: int = 2, batch: int = 2) -> Persons:
    torch.manual_seed(2)
    return Persons(
        torch.rand(batch, count, K, 2) * 40,
        torch.rand(batch, count, K) > 0.2,
        torch.rand(batch, count) * 50 + 50,
    )


def test_a_peak_lies_where_the_offset_of_its_cell_says():
    logits = torch.full((1, 2, 8, 20), -5.0)
    logits[0, 1, 3, 7], logits[0, 1, 3, 8], logits[0, 1, 6, 19] = 2.0, 1.0, -1.0
    offsets = torch.zeros(1, 2, 2, 8, 20)
    offsets[0, 1, :, 3, 7] = torch.tensor([0.7, -0.2])
    found = propose_keypoints(logits, offsets, count=3)
    assert found.points[0, 1, 0].tolist() == pytest.approx([7.7, 2.8])
    assert found.cells[0, 1, :2].tolist() == [[7.5, 3.5], [19.5, 6.5]]
    assert found.valid[0].tolist() == [[False] * 3, [True, True, False]]


def test_proposals_of_a_tiny_map_stay_on_it():
    keypoints = propose_keypoints(torch.randn(2, 3, 4, 5), torch.zeros(2, 3, 2, 4, 5), count=20)
    assert (keypoints.points >= 0).all()
    assert (keypoints.points <= torch.tensor([4, 3])).all()
    assert keypoints.valid.any()


def test_centers_carry_what_their_cell_says():
    logits = torch.full((1, 1, 6, 9), -8.0)
    logits[0, 0, 2, 4] = 1.0
    sizes, joints = torch.randn(1, 2, 6, 9), torch.randn(1, K, 2, 6, 9)
    sizes[0, :, 2, 4] = torch.tensor([9.0, 4.0])
    found = propose_centers(logits, sizes, joints, count=4)
    assert found.cells[0, 0].tolist() == [4.5, 2.5]
    assert found.scales[0, 0] == 6
    expected = joints[0, :, :, 2, 4] + torch.tensor([4.0, 2.0])
    torch.testing.assert_close(found.regressed[0, 0], expected)
    assert found.valid[0].tolist() == [True, False, False, False]


def test_an_image_without_peaks_keeps_one_center():
    found = propose_centers(
        torch.full((1, 1, 4, 4), -9.0), torch.zeros(1, 2, 4, 4), torch.zeros(1, K, 2, 4, 4), 3
    )
    assert found.valid[0].tolist() == [True, False, False]


def test_every_level_is_read_at_the_same_place():
    ramp = (torch.arange(32) + 0.5).expand(1, 1, 32, 32)
    coarse = torch.nn.functional.avg_pool2d(ramp, 4)
    points = torch.tensor([[[9.3, 4.0], [20.0, 30.1]]])
    for level in (ramp, coarse):
        values = sample_cells(level, points, (32, 32))[0, :, 0]
        torch.testing.assert_close(values, points[0, :, 0])


def test_distance_is_the_documented_function():
    points, expected = torch.rand(1, K, 4, 2), torch.rand(1, 2, K, 2)
    widths = torch.rand(1, 2, K) + 0.1
    found = distance_logits(points, expected, widths)
    for c, k, r in ((0, 1, 2), (1, 4, 0)):
        square = (points[0, k, r] - expected[0, c, k]).square().sum()
        wanted = -math.log(1 + square / widths[0, c, k] ** 2)
        assert found[0, c, k, r].item() == pytest.approx(wanted, rel=1e-4)


def test_a_center_that_learned_nothing_has_the_initial_spread():
    distance = RegressedDistance(K, 3, spread=0.1, weight=1.5)
    points, regressed, widths = torch.rand(1, K, 4, 2), torch.rand(1, 2, K, 2), torch.ones(1, 2, K)
    assert distance.spreads(torch.randn(1, 2, 3))[0, 0].tolist() == pytest.approx([0.1] * K)
    found = distance(points, regressed, widths)
    torch.testing.assert_close(found, 1.5 * distance_logits(points, regressed, widths))


def test_the_last_candidate_is_the_own_one():
    shared, own = torch.randn(1, K, 3, 2), torch.randn(1, 2, K, 2)
    index = torch.tensor([[[0, 1, 2, 3, 3], [3, 2, 1, 0, 0]]])
    chosen = choose(shared, own, index)
    assert torch.equal(chosen[0, 0, 2], shared[0, 2, 2])
    assert torch.equal(chosen[0, 0, 3], own[0, 0, 3])
    assert torch.equal(chosen[0, 1, 4], shared[0, 4, 0])


@pytest.mark.parametrize(
    'options',
    [
        dict(),
        dict(embedding=dict(num_layers=0)),
        dict(decoder=dict(num_rounds=1)),
        dict(decoder=dict(attention=dict(geometry=False))),
        dict(decoder=dict(attention=dict(content=False))),
    ],
)
def test_a_batch_gives_what_its_images_give(options):
    net, (features, keypoints, centers) = network(**options), scene()
    together = net(features, keypoints, centers)
    for i in range(2):
        parts = (type(x)(*(f[i : i + 1] for f in x)) for x in (features, keypoints, centers))
        alone = net(*parts)
        torch.testing.assert_close(alone.points[0], together.points[i])
        torch.testing.assert_close(alone.quality[0], together.quality[i])


def test_slots_that_take_no_part_change_nothing():
    net, (features, keypoints, centers) = network(), scene()
    before = net(features, keypoints, centers)
    empty = ~keypoints.valid
    changed = features.keypoints.masked_fill(empty[..., None], 3.0)
    moved = keypoints.points.masked_fill(empty[..., None], 7.0)
    after = net(features._replace(keypoints=changed), keypoints._replace(points=moved), centers)
    torch.testing.assert_close(after.points, before.points)
    valid = centers.valid
    torch.testing.assert_close(after.quality[valid], before.quality[valid])


def test_similarity_is_that_of_coco():
    pose = torch.tensor([[[0.0, 0.0], [3.0, 4.0]]])
    person = torch.zeros(1, 2, 2)
    labeled = torch.tensor([[True, True]])
    sigmas = torch.tensor([0.1, 0.2])
    found = pose_similarity(pose, person, labeled, torch.tensor([100.0]), sigmas)
    # e = d^2 / (2 area (2 sigma)^2) = 25 / (2 * 100 * 0.16)
    assert found.item() == pytest.approx((1 + math.exp(-25 / 32)) / 2)
    nobody = pose_similarity(pose, person, ~labeled, torch.tensor([100.0]), sigmas)
    assert nobody.item() == 0


def test_of_two_alike_poses_the_better_stays():
    pose = torch.rand(1, 1, K, 2) * 20
    poses = torch.cat([pose, pose + 0.01, pose + 50], 1)
    scores = torch.tensor([[0.5, 0.7, 0.1]])
    assert suppress(poses, scores, SIGMAS, 0.7)[0].tolist() == [False, True, True]
    equal = torch.tensor([[0.5, 0.5, 0.5]])
    assert suppress(poses, equal, SIGMAS, 0.7)[0].tolist() == [True, False, True]


def test_views_of_a_person_become_one_pose():
    pose = torch.rand(K, 2) * 20
    poses = torch.stack([pose - 0.02, pose + 0.02, pose + 60])
    weights, scores = torch.ones(3, K), torch.tensor([0.8, 0.8, 0.4])
    views = torch.tensor([0, 1, 1])
    fused, _, found = fuse_poses(poses, weights, scores, views, 2, SIGMAS)
    torch.testing.assert_close(fused[0], pose)
    torch.testing.assert_close(fused[1], pose + 60)
    assert found.tolist() == pytest.approx([0.8, 0.2])  # one of two views saw the second


def test_one_center_owns_a_person():
    loss, persons = PointGroupingLoss(SIGMAS.tolist()), people(1, 1)
    labeled = torch.ones_like(persons.labeled)
    persons = persons._replace(labeled=labeled)
    points = persons.keypoints.expand(-1, 3, -1, -1) + torch.tensor([0.0, 0.001, 90.0]).view(
        3, 1, 1
    )
    valid = torch.ones(1, 3, dtype=torch.bool)
    first = loss.quality_target(points, torch.tensor([[2.0, -2.0, 2.0]]), valid, persons)
    second = loss.quality_target(points, torch.tensor([[-2.0, 2.0, 2.0]]), valid, persons)
    assert first[0].tolist() == [1, 0, 0]
    assert second[0].tolist() == [0, 1, 0]


@pytest.mark.parametrize('count', [1, 3])
def test_losses_reach_every_parameter(count):
    net, (features, keypoints, centers) = network(), scene()
    persons = people(count)
    # a regressed pose near a person, so that grouping is taught
    centers.regressed[:, 0] = persons.keypoints[:, 0]
    keypoints.points[:, :, 0] = persons.keypoints[:, 0] + 0.1
    keypoints.valid[:] = True
    losses = PointGroupingLoss(SIGMAS.tolist())(
        net(features, keypoints, centers), keypoints, centers, persons
    )
    assert all(value > 0 for value in losses.values())
    sum(losses.values()).backward()
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_images_without_people_teach_quality_alone():
    net, (features, keypoints, centers) = network(), scene()
    persons = people()._replace(labeled=torch.zeros(2, 2, K, dtype=torch.bool))
    losses = PointGroupingLoss(SIGMAS.tolist())(
        net(features, keypoints, centers), keypoints, centers, persons
    )
    assert {name for name, value in losses.items() if value > 0} == {'loss_quality'}
    sum(losses.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


def test_sampling_reads_the_same_in_a_traced_graph():
    maps = torch.randn(2, 5, 6, 9)
    points = torch.rand(2, 30, 2) * 60 - 10
    eager = point_tokens.sample_cells(maps, points, (24, 36))
    traced = point_tokens._gather_cells(maps, points, (24, 36))
    assert torch.allclose(eager, traced, atol=1e-5)


def test_keypoints_that_are_not_seen_do_not_keep_a_second_pose() -> None:
    """Two poses of a portrait differ in the legs, which nobody sees."""
    poses = torch.rand(1, 1, 17, 2, generator=torch.Generator().manual_seed(0)).repeat(1, 2, 1, 1)
    poses = poses * 100
    poses[0, 1, 11:] += 40
    scores, seen = torch.tensor([[0.8, 0.7]]), torch.ones(1, 2, 17)
    seen[..., 11:] = 0
    sigmas = torch.full((17,), 0.05)
    assert suppress(poses, scores, sigmas, 0.9).tolist() == [[True, True]]
    assert suppress(poses, scores, sigmas, 0.9, seen).tolist() == [[True, False]]
