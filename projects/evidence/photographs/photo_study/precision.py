"""Average precision from matches that are computed once, for subsets and for resampled images."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

#: recall levels at which COCO reads the precision
RECALLS = np.linspace(0, 1, 101)
#: images by their number of annotated persons
CROWDS = {'1': (1, 1), '2-4': (2, 4), '5+': (5, 10**6)}


class Matches(NamedTuple):
    """What COCO's evaluation found in one image.

    ======= ======== ==================================================
    scores  [P]      of the poses, the best first
    matched [T x P]  bool, for each OKS threshold
    ignored [T x P]  bool, poses that do not count
    persons int      annotated persons that count
    ======= ======== ==================================================
    """

    scores: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray
    persons: int


def match_images(
    ann_file: str | Path, results: list[dict], ids: Sequence[int], sigmas: Sequence[float]
) -> dict[int, Matches]:
    """Match results and annotations as COCO's evaluation does, at its ten OKS thresholds.

    Args:
        ann_file: COCO annotations.
        results: COCO results; the 20 best of an image count.
        ids: of the images.
        sigmas: keypoint standard deviations, length K.
    """
    found: dict[int, Matches] = {}
    if results:
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports by printing
            truth = COCO(str(ann_file))
            own = truth.loadRes(results)
            evaluation = COCOeval(truth, own, 'keypoints', np.asarray(sigmas), use_area=True)
            evaluation.params.imgIds = list(ids)
            evaluation.params.areaRng = [[0, 1e10]]
            evaluation.params.areaRngLbl = ['all']
            evaluation.evaluate()
        for image in filter(None, evaluation.evalImgs):
            found[image['image_id']] = Matches(
                np.asarray(image['dtScores'], dtype=float),
                np.asarray(image['dtMatches']) > 0,
                np.asarray(image['dtIgnore']) > 0,
                int((np.asarray(image['gtIgnore']) == 0).sum()),
            )
    return found


def average_precision(images: Sequence[Matches]) -> np.ndarray:
    """COCO's AP at each of the ten thresholds, over some images, which may be listed repeatedly.

    Args:
        images: their matches.

    Returns:
        [T], nan without an annotated person.
    """
    persons = sum(image.persons for image in images)
    if persons == 0:
        return np.full(10, np.nan)
    scores = np.concatenate([image.scores for image in images])
    order = np.argsort(-scores, kind='mergesort')
    matched, ignored = (
        np.concatenate([image[field] for image in images], 1)[:, order] for field in (1, 2)
    )
    right = np.cumsum(matched & ~ignored, 1, dtype=float)
    wrong = np.cumsum(~matched & ~ignored, 1, dtype=float)
    recall = right / persons
    precision = right / np.maximum(right + wrong, np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    values = []
    for own, at in zip(recall, precision, strict=True):
        index = np.searchsorted(own, RECALLS, side='left')
        values.append(np.concatenate([at, [0.0]])[np.minimum(index, len(at))].mean())
    return np.array(values)


def numbers(matches: dict[int, Matches], ids: Sequence[int]) -> dict[str, float]:
    """AP in all, at 0.5 and 0.75, and by the number of people in the image."""
    nothing = Matches(np.zeros(0), np.zeros((10, 0), bool), np.zeros((10, 0), bool), 0)
    images = [matches.get(index, nothing) for index in ids]
    values = average_precision(images)
    table = dict(AP=values.mean(), AP50=values[0], AP75=values[5])
    for name, (low, high) in CROWDS.items():
        some = [image for image in images if low <= image.persons <= high]
        table[f'AP, {name} people'] = average_precision(some).mean()
    return {name: float(value) for name, value in table.items()}


def resample(
    rows: dict[str, list[list[Matches]]], rounds: int = 1000, seed: int = 0
) -> dict[str, np.ndarray]:
    """AP of every row over the same resampled images (a paired bootstrap).

    Args:
        rows: for each row, for each seed, the matches of all images in one order.
        rounds: how often images are drawn, with replacement.
        seed: of the draws.

    Returns:
        for each row the AP of each round [rounds], the mean over the seeds.
    """
    generator = np.random.default_rng(seed)
    number = len(next(iter(rows.values()))[0])
    draws = [generator.integers(number, size=number) for _ in range(rounds)]
    return {
        name: np.array(
            [
                np.mean([average_precision([run[i] for i in draw]).mean() for run in seeds])
                for draw in draws
            ]
        )
        for name, seeds in rows.items()
    }
