"""Grouping alone: annotated keypoints as detections, and which person each method gives them to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from finetune.held_out import read_squares
from finetune.trainer import normalize
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from centergroup_mm.engine.proposal_cache import View
from centergroup_mm.models.grouping import Poses
from centergroup_mm.models.grouping.point_proposals import CenterPeaks, KeypointPeaks, log_odds
from centergroup_mm.models.losses.point_grouping_loss import Persons
from centergroup_mm.utils.skeleton import read_metainfo

from .ours import OurGrouping
from .paper import STRIDE, PaperGrouping
from .proposals import narrow, take_cpu, widen

#: what happens to annotated keypoints: shares, and a deviation in units of the OKS
DROPPED, DOUBLED, MISTYPED, JITTER = 0.1, 0.1, 0.05, 0.25
#: persons by the largest overlap (IoU) of their box with another's
OVERLAPS = {'< 0.1': (0.0, 0.1), '0.1-0.3': (0.1, 0.3), '> 0.3': (0.3, 1.01)}
PEOPLE = {'2-4': (2, 4), '5+': (5, 10**6)}


class AloneSet(NamedTuple):
    """Images whose detections are annotations; one entry for each.

    ======== ============ =====================================================
    views    I Views      of one image each; center c is person c
    detected I [N x K]    bool, keypoints of which a detection of its type is left
    overlaps I [N]        largest IoU of the person's box with another one
    ======== ============ =====================================================
    """

    views: list[View]
    detected: list[Tensor]
    overlaps: list[Tensor]


def _overlaps(boxes: Tensor) -> Tensor:
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return (shared / (areas[:, None] + areas - shared)).fill_diagonal_(0).amax(1)


def _detections(
    persons: Persons, sigmas: Tensor, mirror: Sequence[int], generator: np.random.Generator
) -> tuple[list[list[Tensor]], Tensor]:
    """Places [x, y] of the detections of each type, and which keypoints still have one."""
    places: list[list[Tensor]] = [[] for _ in sigmas]
    detected = torch.zeros_like(persons.labeled)
    for n, k in persons.labeled.nonzero().tolist():
        if generator.random() < DROPPED:
            continue
        spread = JITTER * 2 * float(sigmas[k]) * float(persons.areas[n]) ** 0.5
        kind = mirror[k] if generator.random() < MISTYPED else k
        for _ in range(1 + (generator.random() < DOUBLED)):
            shift = torch.from_numpy(generator.normal(0, spread, 2)).float()
            places[kind].append(persons.keypoints[n, k] + shift)
        detected[n, k] = kind == k
    return places, detected


@torch.no_grad()
def cache_alone(
    model: nn.Module, coco: dict, folder: Path, ids: Sequence[int], seed: int = 0
) -> AloneSet:
    """Replace the detections of whole photographs by their annotations.

    Images with fewer than two persons are left out, as nobody else could get their keypoints.

    Args:
        model: pose estimator with a ``PointCenterGroupHead``, for features and regressed keypoints.
        coco: content of the annotation file.
        folder: of the images.
        ids: of the images.
        seed: of what is dropped, doubled, moved and mistyped.
    """
    head, device = model.head, next(model.parameters()).device
    people: dict[int, list[dict]] = {index: [] for index in ids}
    for person in coco['annotations']:
        if person['image_id'] in people and any(person['keypoints'][2::3]):
            people[person['image_id']].append(person)
    ids = [index for index in ids if 2 <= len(people[index]) <= head.num_centers]
    mirror = list(read_metainfo('CocoDataset').flip_indices)
    generator, found = np.random.default_rng(seed), AloneSet([], [], [])
    for some, images, ratios in read_squares(coco, folder, ids, 512):
        feats = model.extract_feat(normalize(model, images.to(device)))
        maps = head.detector.detect(feats)
        logits = log_odds(maps.heatmaps[-1])
        for row, (index, ratio) in enumerate(zip(some, ratios, strict=True)):
            scale = torch.as_tensor(ratio).float() / head.stride  # of x and y
            joints = torch.tensor([p['keypoints'] for p in people[index]]).float()
            joints = joints.unflatten(1, (-1, 3))
            boxes = torch.tensor([p['bbox'] for p in people[index]]).float()
            boxes = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1) * scale.repeat(2)
            areas = torch.tensor([p['area'] for p in people[index]]).float() * scale.prod()
            persons = Persons(joints[..., :2] * scale, joints[..., 2] > 0, areas)
            places, detected = _detections(persons, head.sigmas.cpu(), mirror, generator)
            keypoints = _as_peaks(places, logits[row].cpu())
            one = [x[row : row + 1] for x in (logits, maps.sizes, maps.joints)]
            centers = _as_centers(boxes, *(x.cpu() for x in one))
            on_device = [type(part)(*(x.to(device) for x in part)) for part in (keypoints, centers)]
            features = head.sample([f[row : row + 1] for f in feats], one[0], *on_device)
            persons = Persons(*(x[None] for x in persons))
            found.views.append(take_cpu(View(narrow(features), *on_device, persons)))
            found.detected.append(detected)
            found.overlaps.append(_overlaps(boxes))
    return found


def _as_peaks(places: list[list[Tensor]], logits: Tensor) -> KeypointPeaks:
    most = max(1, *(len(kind) for kind in places))
    points = torch.full((1, len(places), most, 2), 0.5)
    valid = torch.zeros(1, len(places), most, dtype=torch.bool)
    values = torch.full((1, len(places), most), -4.0)
    height, width = logits.shape[-2:]
    for k, kind in enumerate(places):
        for slot, point in enumerate(kind):
            x, y = point.long().tolist()
            points[0, k, slot], valid[0, k, slot] = point, True
            value = logits[k, min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
            values[0, k, slot] = value.clamp(min=0)  # all are detected
    return KeypointPeaks(points, points.floor() + 0.5, values, valid)


def _as_centers(boxes: Tensor, logits: Tensor, sizes: Tensor, joints: Tensor) -> CenterPeaks:
    height, width = logits.shape[-2:]
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).floor().long().unbind(-1)
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    corner = torch.stack([x, y], -1).float()
    return CenterPeaks(
        cells=corner[None] + 0.5,
        logits=logits[:, -1, y, x].clamp(min=0),
        sizes=sizes[:, :, y, x].transpose(1, 2).clamp(min=0),
        regressed=(corner[:, None] + joints[0, :, :, y, x].permute(2, 0, 1))[None],
        valid=torch.ones(1, len(boxes), dtype=torch.bool),
    )


def _by_hungarian(method: nn.Module, view: View) -> Tensor | None:
    """Keypoints [1 x C x K x 2] if each detection may be given to one person only."""
    if isinstance(method, PaperGrouping):
        output = method(view)
        logits, points = output.attention[0], output.hard_points[0] / STRIDE
        places = view.keypoints.points[0].flatten(0, 1).expand(points.shape[1], -1, -1)
        expected = points
    elif isinstance(method, OurGrouping):
        choice = method.grouping(view.features, view.keypoints, view.centers).rounds[-1]
        logits, points, expected = choice.logits[0], choice.points[0], choice.own[0]
        places = view.keypoints.points[0]
    else:
        return None
    logits, points = logits.log_softmax(-1).clamp(min=-50), points.clone()
    for k, candidates in enumerate(places):
        shared, own = logits[:, k, : len(candidates)], logits[:, k, len(candidates) :]
        # a center's own candidate is nobody else's
        aside = torch.full((len(own), own.shape[1] * len(own)), -1e3, device=own.device)
        if own.shape[1]:
            aside.diagonal().copy_(own[:, 0])
        chosen = linear_sum_assignment(torch.cat([shared, aside], 1).cpu().numpy(), maximize=True)
        for c, m in zip(*chosen, strict=True):
            points[c, k] = candidates[m] if m < len(candidates) else expected[c, k]
    return points[None]


def _person_of(poses: Poses, persons: Persons, sigmas: Tensor) -> Tensor:
    """Slots of the poses that stand for each person, for methods without centers [N]."""
    square = (poses.keypoints[0][:, None] - persons.keypoints[0]).square().sum(-1)
    spread = 2 * persons.areas[0][:, None] * (2 * sigmas) ** 2
    near = (square < spread) & persons.labeled[0] & poses.valid[0][:, None, None]
    return near.sum(-1).argmax(0)


@torch.no_grad()
def judge(
    method: nn.Module,
    alone: AloneSet,
    sigmas: Sequence[float],
    device: torch.device,
    hungarian: bool = False,
) -> dict[str, float] | None:
    """Share of the detected keypoints that are given to the wrong person.

    A keypoint of a person's pose is right if it is near the person's own (OKS 0.5), and wrong if
    it is near that of another person instead.

    Args:
        method: of a row.
        alone: the images.
        sigmas: keypoint standard deviations, length K.
        device: where the method is.
        hungarian: assign detections to persons one to one by the attention's logits.

    Returns:
        shares in all, by number of people and by overlap; None if there are no such logits.
    """
    constants, rows = torch.tensor(list(sigmas), device=device), []
    for view, detected, overlaps in zip(*alone, strict=True):
        view = widen(view, device)
        persons, number = view.persons, len(overlaps)
        if hungarian:
            points = _by_hungarian(method, view)
            if points is None:
                return None
        else:
            poses = method.predict(view)
            points = poses.keypoints
            if not method.with_centers:
                points = points[:, _person_of(poses, persons, constants)]
        square = (points[0][:, None] - persons.keypoints[0]).square().sum(-1)  # [C x N x K]
        spread = 2 * persons.areas[0][:, None] * (2 * constants) ** 2
        near = (torch.exp(-square / spread) > 0.5) & persons.labeled[0]
        own = near[torch.arange(number), torch.arange(number)]
        wrong = near.any(1) & ~own
        counted = detected.to(device)
        for n in range(number):
            rows.append(
                (
                    int(counted[n].sum()),
                    int((wrong[n] & counted[n]).sum()),
                    int((own[n] & counted[n]).sum()),
                    number,
                    float(overlaps[n]),
                )
            )
    table = np.array(rows)
    shares = {'wrong person': _share(table, 1), 'right': _share(table, 2)}
    for name, (low, high) in PEOPLE.items():
        shares[f'wrong, {name} people'] = _share(
            table[(table[:, 3] >= low) & (table[:, 3] <= high)], 1
        )
    for name, (low, high) in OVERLAPS.items():
        shares[f'wrong, overlap {name}'] = _share(
            table[(table[:, 4] >= low) & (table[:, 4] < high)], 1
        )
    return shares


def _share(table: np.ndarray, column: int) -> float:
    return float(table[:, column].sum() / max(1, table[:, 0].sum()))
