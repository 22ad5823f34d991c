"""Detections of two people as tensors, and a small study of them."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from photo_study.alone import AloneSet
from photo_study.proposals import Cache
from photo_study.proposals import TestSet as PhotographSet

from centergroup_mm.engine.proposal_cache import View
from centergroup_mm.models.grouping.one_shot import OneShotPoses
from centergroup_mm.models.grouping.point_proposals import CenterPeaks, KeypointPeaks
from centergroup_mm.models.grouping.point_tokens import PointFeatures
from centergroup_mm.models.losses.point_grouping_loss import Persons
from centergroup_mm.utils.skeleton import read_metainfo

SIGMAS = list(read_metainfo('CocoDataset').sigmas)
#: numbers of keypoint types, peaks of each, and channels
K, R, S = 17, 4, 20


def two_people(batch: int = 1) -> View:
    """Two people side by side whose keypoints are all detected; peak r belongs to person r."""
    torch.manual_seed(0)
    places = torch.rand(1, K, 2) * 20 + torch.tensor([[[10.0, 10.0]], [[70.0, 10.0]]])
    points = torch.zeros(batch, K, R, 2)
    points[:, :, :2] = places.transpose(0, 1)
    valid = torch.zeros(batch, K, R, dtype=torch.bool)
    valid[:, :, :2] = True
    logits = torch.full((batch, K, R), -4.0)
    logits[:, :, :2] = 2.0
    cells = torch.tensor([[20.5, 20.5], [80.5, 20.5]]).expand(batch, 2, 2)
    whole = places.expand(batch, 2, K, 2)
    return View(
        PointFeatures(
            torch.randn(batch, K, R, S), torch.randn(batch, 2, S), torch.randn(batch, 2, K, S)
        ),
        KeypointPeaks(points, points.floor() + 0.5, logits, valid),
        CenterPeaks(
            cells,
            torch.full((batch, 2), 2.0),
            torch.full((batch, 2, 2), 20.0),
            whole,
            torch.ones(batch, 2, dtype=torch.bool),
        ),
        Persons(whole, torch.ones(batch, 2, K, dtype=torch.bool), torch.full((batch, 2), 200.0)),
    )


def small_study(tmp_path: Path) -> Namespace:
    """Arguments of a study whose detector has seen two photographs, each with two people."""
    view = two_people(2)
    people = [
        dict(
            id=2 * i + n + 1, image_id=i + 1, category_id=1, area=6400.0, iscrowd=0,
            num_keypoints=K, bbox=[40 + 240 * n, 40, 80, 80],
            keypoints=torch.cat([4 * view.persons.keypoints[i, n], torch.full((K, 1), 2.0)], 1)
            .flatten().tolist(),
        )
        for i in range(2) for n in range(2)
    ]  # fmt: skip
    images = [dict(id=i + 1, width=512, height=512) for i in range(2)]
    content = dict(images=images, annotations=people, categories=[dict(id=1, name='person')])
    file = tmp_path / 'person_keypoints.json'
    file.write_text(json.dumps(content))
    half = view._replace(features=PointFeatures(*(x.half() for x in view.features)))
    scores = torch.tensor([[0.9, 0.8]]).expand(2, 2)
    snapped = OneShotPoses(
        view.persons.keypoints,
        scores[..., None].expand(2, 2, K),
        scores,
        torch.zeros(2, 2, 4),
        view.centers.valid,
    )
    seen = PhotographSet([1, 2], [np.ones(2)] * 2, half, snapped)
    matched = torch.tensor([[0, 1], [0, 1]])
    alone = AloneSet([two_people()], [torch.ones(2, K, dtype=torch.bool)], [torch.zeros(2)])
    saved = dict(
        training=Cache(half, matched, matched), held_out=seen, dev={512: seen}, alone=alone,
        files=dict(held_out=file, dev=file), sigmas=SIGMAS,
    )  # fmt: skip
    torch.save(saved, tmp_path / 'proposals.pt')
    return Namespace(
        detector='movenet.pth', passes=1, steps=3, batch_size=2, max_images=None,
        reduced=True, device='cpu',
    )  # fmt: skip
