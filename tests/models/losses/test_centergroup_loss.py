"""Matching and losses, also where there is nothing to match."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import centergroup_mm  # noqa: F401
from centergroup_mm.models.grouping import GroupingOutput, Proposals
from centergroup_mm.models.losses import CenterGroupLoss, PersonTargets
from centergroup_mm.models.task_modules import CenterHungarianAssigner
from centergroup_mm.models.task_modules.center_hungarian_assigner import center_cost


def test_hungarian_matching_is_optimal_and_possible():
    generator = np.random.default_rng(0)
    for _ in range(20):
        points = torch.tensor(generator.uniform(0, 60, (5, 2)))
        centers = torch.tensor(generator.uniform(0, 60, (4, 2)))
        areas = torch.full((4,), 900.0)
        assigned = CenterHungarianAssigner().assign(
            points, torch.ones(5, dtype=torch.bool), centers, areas
        )
        cost = center_cost(points, centers, areas, 0.3).numpy()
        hits = [(i, int(j)) for i, j in enumerate(assigned) if j >= 0]
        assert all(cost[pair] <= 0.8 for pair in hits)
        assert len({j for _, j in hits}) == len(hits)
        # No matching has more pairs, and none with as many is cheaper.
        best = None
        for columns in itertools.permutations([*range(4), None], 5):
            pairs = [(i, j) for i, j in enumerate(columns) if j is not None]
            pairs = [p for p in pairs if cost[p] <= 0.8]
            key = (-len(pairs), sum(cost[p] for p in pairs))
            best = key if best is None else min(best, key)
        assert len(hits) == -best[0]
        assert sum(cost[p] for p in hits) == pytest.approx(best[1])


def test_greedy_takes_the_cheapest_pair_first():
    points = torch.tensor([[10.0, 10.0], [14.0, 10.0]])
    centers = torch.tensor([[13.0, 10.0], [17.0, 10.0]])
    areas = torch.full((2,), 1000.0)
    valid = torch.ones(2, dtype=torch.bool)
    greedy = CenterHungarianAssigner(matching='greedy').assign(points, valid, centers, areas)
    hungarian = CenterHungarianAssigner().assign(points, valid, centers, areas)
    assert greedy.tolist() == [1, 0]
    assert hungarian.tolist() == [0, 1]


@pytest.mark.parametrize(('num_points', 'num_persons'), [(0, 0), (0, 3), (4, 0)])
def test_nothing_to_match(num_points, num_persons):
    assigned = CenterHungarianAssigner().assign(
        torch.zeros(num_points, 2),
        torch.ones(num_points, dtype=torch.bool),
        torch.zeros(num_persons, 2),
        torch.ones(num_persons),
    )
    assert assigned.tolist() == [-1] * num_points


def test_unknown_matching_is_refused():
    with pytest.raises(ValueError, match='matching'):
        CenterHungarianAssigner(matching='random')


def persons(num: int, num_keypoints: int = 3) -> PersonTargets:
    """People in a row, 40 pixels apart."""
    at = torch.arange(num).float() * 40 + 20
    joints = torch.stack([at, at], -1)[:, None].repeat(1, num_keypoints + 1, 1)
    return PersonTargets(
        joints,
        torch.ones(num, num_keypoints + 1, dtype=torch.bool),
        torch.full((num, 2), 30.0),
        torch.ones(num, dtype=torch.bool),
    )


def outputs_for(centers: torch.Tensor, num_keypoints: int = 3):
    """Two modules' outputs that say every joint is at its center."""
    batch, num = centers.shape[:2]
    leaf = [
        torch.zeros(batch, num, num_keypoints, requires_grad=True),
        torch.zeros(batch, num, requires_grad=True),
    ]
    points = centers[:, :, None].repeat(1, 1, num_keypoints, 1).float().requires_grad_()
    return [GroupingOutput(None, points, None, *leaf)] * 2, [points, *leaf]


def test_losses_without_anybody_are_sound():
    loss = CenterGroupLoss(sigmas=[0.1] * 3)
    points = torch.tensor([[[20, 20], [60, 60]]])
    centers = Proposals(points, torch.ones(1, 2), torch.tensor([[True, True]]))
    outputs, leaves = outputs_for(points)
    losses = loss(outputs, centers, [persons(0)])
    assert losses['loss_visibility'] == 0 and losses['loss_location'] == 0
    assert losses['loss_center'] > 0
    sum(losses.values()).backward()
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves)
    none = CenterGroupLoss(sigmas=[0.1] * 3)(
        outputs_for(points)[0], centers._replace(valid=torch.zeros(1, 2, dtype=bool)), [persons(2)]
    )
    assert all(value == 0 for value in none.values())


def test_perfect_locations_cost_nothing_and_lost_joints_do_not_teach():
    loss = CenterGroupLoss(sigmas=[0.1] * 3)
    points = torch.tensor([[[20, 20], [60, 60]]])
    centers = Proposals(points, torch.ones(1, 2), torch.tensor([[True, True]]))
    outputs, leaves = outputs_for(points)
    losses = loss(outputs, centers, [persons(2)])
    assert losses['loss_location'] == 0
    assert losses['loss_visibility'] > 0
    far = [output._replace(soft_points=leaves[0] + 1000) for output in outputs]
    assert loss(far, centers, [persons(2)])['loss_visibility'] == 0


def test_persons_that_cannot_match_leave_a_negative():
    loss = CenterGroupLoss(sigmas=[0.1] * 3)
    points = torch.tensor([[[20, 20]]])
    centers = Proposals(points, torch.ones(1, 1), torch.tensor([[True]]))
    nobody = persons(1)._replace(matchable=torch.tensor([False]))
    assert not loss.targets(centers, [nobody]).matched.any()
    counted = torch.tensor([[False]])
    assert loss(outputs_for(points)[0], centers, [nobody], counted)['loss_center'] == 0
