"""Paired bootstrap over images: how sure is a difference of AP between two rows?"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from .rows import ROWS, Settings

RECALLS = np.linspace(0, 1, 101)


class Matches(NamedTuple):
    """What COCO's matching says about the poses found in a set of images, D in all.

    ======= =====================================================================
    image   [D] number of the image
    score   [D]
    hit     [T x D] bool, matched to a person at each of T thresholds of OKS
    counted [T x D] bool, False where a match does not count (crowds)
    people  [I] people that count in each image
    ======= =====================================================================
    """

    image: np.ndarray
    score: np.ndarray
    hit: np.ndarray
    counted: np.ndarray
    people: np.ndarray


def match(ann_file: Path, found: list[dict], sigmas: np.ndarray) -> Matches:
    """Match poses to people as COCO does.

    Args:
        ann_file: COCO annotations.
        found: COCO results, at least one.
        sigmas: keypoint standard deviations, length K.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports by printing
        truth = COCO(str(ann_file))
        evaluation = COCOeval(truth, truth.loadRes(found), 'keypoints', sigmas, use_area=True)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ['all']
        evaluation.evaluate()
    thresholds = len(evaluation.params.iouThrs)
    place = {image: number for number, image in enumerate(evaluation.params.imgIds)}
    people = np.zeros(len(place), dtype=int)
    parts: list[tuple] = []
    for entry in filter(None, evaluation.evalImgs):
        number = place[entry['image_id']]
        people[number] = int((np.asarray(entry['gtIgnore']) == 0).sum())
        size = len(entry['dtScores'])
        if size:
            shape = (thresholds, size)
            hit = np.asarray(entry['dtMatches']).reshape(shape) > 0
            counted = ~np.asarray(entry['dtIgnore']).reshape(shape).astype(bool)
            parts.append((np.full(size, number), np.asarray(entry['dtScores']), hit, counted))
    image, score, hit, counted = (np.concatenate(list(part), axis=-1) for part in zip(*parts))  # noqa: B905
    order = np.argsort(-score, kind='mergesort')
    return Matches(image[order], score[order], hit[:, order], counted[:, order], people)


def average_precision(matches: Matches, times: np.ndarray) -> float:
    """COCO's AP of a resampled set of images.

    Args:
        matches: of the whole set.
        times: [I] how often each image was drawn.
    """
    weight = times[matches.image]
    number = int((matches.people * times).sum())
    values = []
    for hit, counted in zip(matches.hit, matches.counted, strict=True):
        true = np.cumsum((hit & counted) * weight)
        false = np.cumsum((~hit & counted) * weight)
        recall = true / max(number, 1)
        precision = true / np.maximum(true + false, 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, RECALLS, side='left')
        values.append(np.append(precision, 0.0)[np.minimum(at, len(precision))].mean())
    return float(np.mean(values))


def compare(settings: Settings, sigmas: list[float], resamples: int = 500) -> dict[str, dict]:
    """Differences between the first row and all others, with their intervals.

    AP is the mean over the seeds that both rows have. Each resample draws as many images as there
    are, with repetition, the same for both rows.

    Args:
        settings: of a study with ``predictions/`` and ``data/val/``.
        sigmas: keypoint standard deviations.
        resamples: of the images.

    Returns:
        for each row ``difference`` (the first row's AP minus its own), ``low`` and ``high`` (2.5
        and 97.5 %), ``seeds`` and ``resamples``.
    """
    ann_file = settings.out / 'data' / 'val' / 'person_keypoints.json'
    found: dict[str, dict[int, Matches]] = {name: {} for name in ROWS}
    for path in sorted((settings.out / 'predictions').glob('*_seed*.json.gz')):
        name, _, seed = path.name.removesuffix('.json.gz').partition('_seed')
        with gzip.open(path, 'rt') as file:
            poses = json.load(file)
        if name in found and poses:
            found[name][int(seed)] = match(ann_file, poses, np.asarray(sigmas))
    first, *others = ROWS
    rng = np.random.default_rng(0)
    images = len(json.loads(ann_file.read_text())['images'])
    draws = rng.multinomial(images, np.full(images, 1 / images), size=resamples)
    draws = np.concatenate([np.ones((1, images), dtype=int), draws])
    values = {
        (name, seed): np.array([average_precision(matches, times) for times in draws])
        for name, seeds in found.items()
        for seed, matches in seeds.items()
    }
    table = {}
    for name in others:
        common = sorted(found[first].keys() & found[name].keys())
        if not common:
            continue
        gap = np.mean([values[first, seed] - values[name, seed] for seed in common], axis=0)
        low, high = np.percentile(gap[1:], [2.5, 97.5])
        table[name] = dict(
            difference=round(float(gap[0]), 4), low=round(float(low), 4),
            high=round(float(high), 4), seeds=common, resamples=resamples,
        )  # fmt: skip
    return table
