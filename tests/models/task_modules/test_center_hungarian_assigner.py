"""Hungarian against greedy matching on crowds of 30; `-s` prints how often they differ.

python -m pytest -s tests/models/task_modules/test_center_hungarian_assigner.py
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
import torch
from torch import Tensor

import centergroup_mm  # noqa: F401
from centergroup_mm.models.losses.centergroup_loss import AREA_OF_BOX
from centergroup_mm.models.task_modules import CenterHungarianAssigner
from centergroup_mm.models.task_modules.center_hungarian_assigner import center_cost
from centergroup_mm.synthetic.backdrop import cloth_bank
from centergroup_mm.synthetic.body import body_boxes, build_limbs, sample_wear
from centergroup_mm.synthetic.layout import Layout, crowd_index
from centergroup_mm.synthetic.presets import get_preset
from centergroup_mm.synthetic.skeleton import pose_bodies

PEOPLE, SIDE, SCENES = 30, 512, 40
PAPER = dict(falloff=0.15, max_cost=0.5)


def crowd(index: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Centers [30 x 2] and areas [30] of a crowd in pixels, and its crowd index."""
    rng = np.random.default_rng(index)
    rules = dataclasses.replace(get_preset('full'), min_people=PEOPLE)
    bodies = pose_bodies(rng, PEOPLE)
    wear = sample_wear(rng, PEOPLE, len(cloth_bank()))
    boxes = body_boxes(bodies, build_limbs(bodies, wear), wear)
    joints = bodies.joints[:, :17, :2]
    layout = Layout(joints, boxes, np.ones(PEOPLE, dtype=bool), (SIDE, SIDE), rules)
    position, scale = layout.search(rng, 0.8)
    points = joints * scale[:, None, None] + position[:, None]
    corners = np.concatenate([points.min(1), points.max(1)], axis=1).clip(0, SIDE)
    sizes = np.maximum(corners[:, 2:] - corners[:, :2], 1)
    labeled = np.concatenate([points, np.full((PEOPLE, 17, 1), 2.0)], axis=2)
    index = crowd_index(labeled, np.concatenate([corners[:, :2], sizes], axis=1))
    return points.mean(1), AREA_OF_BOX * sizes.prod(1), index


@pytest.fixture(scope='module')
def crowds() -> list:
    return [crowd(index) for index in range(SCENES)]


def detections(centers: np.ndarray, areas: np.ndarray, jitter: float, seed: int) -> np.ndarray:
    """30 detected centers: 24 people shifted by ``jitter`` of their size, 6 peaks between."""
    rng = np.random.default_rng(seed)
    people = rng.permutation(PEOPLE)
    spread = np.sqrt(areas)[:, None]
    points = centers + rng.normal(size=centers.shape) * jitter * spread
    stray = people[24:]
    points[stray] = centers[people[:6]] + rng.normal(size=(6, 2)) * 0.5 * spread[people[:6]]
    return points.round()


def assign(points: np.ndarray, centers: np.ndarray, areas: np.ndarray, **options) -> Tensor:
    """Which person each detection stands for."""
    assigner = CenterHungarianAssigner(**options)
    tensors = map(torch.from_numpy, (points, centers, areas))
    points, centers, areas = tensors
    return assigner.assign(points, torch.ones(len(points), dtype=torch.bool), centers, areas)


@pytest.mark.parametrize('constants', [{}, PAPER], ids=['official', 'paper'])
def test_hungarian_is_never_worse(crowds, constants):
    threshold = CenterHungarianAssigner(**constants).max_cost
    falloff = CenterHungarianAssigner(**constants).falloff
    crowded = np.mean([crowd[2] for crowd in crowds])
    name = constants or 'official constants'
    print(f'\n{name}: {SCENES} crowds of {PEOPLE}, mean crowd index {crowded:.2f}')
    differing = []
    for jitter in (0.05, 0.15, 0.3):
        scenes, changed, pairs, more = 0, 0, 0, 0
        for seed, (centers, areas, _) in enumerate(crowds):
            points = detections(centers, areas, jitter, seed)
            ours, greedy = (
                assign(points, centers, areas, matching=kind, **constants)
                for kind in ('hungarian', 'greedy')
            )
            cost = center_cost(*map(torch.from_numpy, (points, centers, areas)), falloff)
            totals = []
            for result in (ours, greedy):
                hit = result >= 0
                assert len(set(result[hit].tolist())) == hit.sum()
                paid = cost[hit, result[hit]]
                assert (paid <= threshold).all()
                totals.append((int(hit.sum()), paid.sum().item()))
            (number, total), (least, price) = totals
            assert number > least or (number == least and total <= price + 1e-9)
            scenes += int(not torch.equal(ours, greedy))
            changed += int((ours != greedy).sum())
            pairs += number
            more += number - least
        differing.append(changed)
        detected = f'{scenes} scenes and {changed} of {PEOPLE * SCENES} detections differ'
        print(f'  jitter {jitter}: {detected}; {pairs} matched, {more} more than greedily')
    # The paper's constants leave few pairs possible, and hardly ever a conflict.
    assert constants or differing[-1] > 0, 'no conflict: the scenes compare nothing'


def test_both_agree_where_nobody_competes():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(5)), -1).reshape(-1, 2) * 80.0 + 40
    areas = np.full(PEOPLE, 400.0)
    points = (grid + rng.normal(size=grid.shape) * 3)[rng.permutation(PEOPLE)]
    ours, greedy = (assign(points, grid, areas, matching=m) for m in ('hungarian', 'greedy'))
    assert torch.equal(ours, greedy) and (ours >= 0).all()


def test_an_image_takes_less_than_a_millisecond(crowds):
    assigner = CenterHungarianAssigner()
    valid = torch.ones(PEOPLE, dtype=torch.bool)
    times = []
    for seed, (centers, areas, _) in enumerate(crowds):
        points = torch.from_numpy(detections(centers, areas, 0.3, seed))
        inputs = (points, valid, torch.from_numpy(centers), torch.from_numpy(areas))
        for _ in range(5):
            start = time.perf_counter()
            assigner.assign(*inputs)
            times.append(time.perf_counter() - start)
    # Other programs on the machine only ever add to the time.
    quick, median = np.quantile(times, [0.1, 0.5]) * 1000
    print(f'\n30 x 30: {quick:.3f} ms (lowest tenth), {median:.3f} ms (median)')
    assert quick < 1
