"""Average precision from matches that are computed once, for subsets and for resampled images."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from centergroup_mm.utils.files import write_whole

#: recall levels at which COCO reads the precision
RECALLS = np.linspace(0, 1, 101)
#: OKS thresholds from 0.5 to 0.95
THRESHOLDS = 10


class Matches(NamedTuple):
    """What COCO's evaluation says about the poses found in a set of images.

    Precision depends on the order of the scores alone, so that the scores are not kept.

    ======= ======== ======================================================
    image   [D]      number of the image, poses with the best score first
    matched [T x D]  bool, matched to a person at each OKS threshold
    ignored [T x D]  bool, poses that do not count
    persons [I]      annotated persons that count in each image
    ======= ======== ======================================================
    """

    image: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray
    persons: np.ndarray


def match_images(
    ann_file: str | Path, results: list[dict], ids: Sequence[int], sigmas: Sequence[float]
) -> Matches:
    """Match results and annotations as COCO's evaluation does, at its ten OKS thresholds.

    Args:
        ann_file: COCO annotations.
        results: COCO results; the 20 best of an image count.
        ids: of the images; their places are the numbers of the images.
        sigmas: keypoint standard deviations, length K.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports by printing
        truth = COCO(str(ann_file))
        own = truth.loadRes(results) if results else COCO()  # which loads no empty list
        evaluation = COCOeval(truth, own, 'keypoints', np.asarray(sigmas), use_area=True)
        evaluation.params.imgIds = list(ids)
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ['all']
        evaluation.evaluate()
    number = {index: place for place, index in enumerate(ids)}
    persons = np.zeros(len(ids), dtype=int)
    empty = np.zeros((THRESHOLDS, 0), bool)
    parts = [(np.zeros(0, int), np.zeros(0), empty, empty)]
    by_number = sorted(filter(None, evaluation.evalImgs), key=lambda one: number[one['image_id']])
    for one in by_number:
        place, size = number[one['image_id']], len(one['dtScores'])
        persons[place] = int((np.asarray(one['gtIgnore']) == 0).sum())
        shape = (THRESHOLDS, size)
        parts.append(
            (
                np.full(size, place),
                np.asarray(one['dtScores'], dtype=float),
                (np.asarray(one['dtMatches']) > 0).reshape(shape),
                (np.asarray(one['dtIgnore']) > 0).reshape(shape),
            )
        )
    image, scores, matched, ignored = (
        np.concatenate([part[field] for part in parts], -1) for field in range(4)
    )
    order = np.argsort(-scores, kind='mergesort')
    return Matches(image[order], matched[:, order], ignored[:, order], persons)


def average_precision(matches: Matches, times: np.ndarray | None = None) -> np.ndarray:
    """COCO's AP at each of the ten thresholds.

    Args:
        matches: of the whole set.
        times: [I] how often each image counts, once by default.

    Returns:
        [T], nan without an annotated person.
    """
    times = np.ones(len(matches.persons), int) if times is None else times
    persons = int((matches.persons * times).sum())
    if persons == 0:
        return np.full(THRESHOLDS, np.nan)
    weight = times[matches.image]
    right = np.cumsum((matches.matched & ~matches.ignored) * weight, 1, dtype=float)
    wrong = np.cumsum((~matches.matched & ~matches.ignored) * weight, 1, dtype=float)
    recall = right / persons
    precision = right / np.maximum(right + wrong, np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    values = []
    for own, at in zip(recall, precision, strict=True):
        index = np.searchsorted(own, RECALLS, side='left')
        values.append(np.append(at, 0.0)[np.minimum(index, len(at))].mean())
    return np.array(values)


def resample(
    rows: dict[str, dict[int, Matches]], rounds: int = 1000, seed: int = 0
) -> dict[str, dict[int, np.ndarray]]:
    """AP of every row and seed over the same resampled images.

    Args:
        rows: for each row, for each seed, the matches; all of the same images.
        rounds: how often images are drawn, with replacement.
        seed: of the draws.

    Returns:
        for each row and seed AP [1 + rounds]; the first is that of the images themselves.
    """
    images = len(next(iter(next(iter(rows.values())).values())).persons)
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(images, np.full(images, 1 / images), size=rounds)
    draws = np.concatenate([np.ones((1, images), int), draws])
    return {
        name: {
            number: np.array([average_precision(matches, draw).mean() for draw in draws])
            for number, matches in seeds.items()
        }
        for name, seeds in rows.items()
    }


class Difference(NamedTuple):
    """Difference of two rows' AP, each the mean over its seeds, with its interval of 95 %."""

    value: float
    low: float
    high: float


def difference(better: dict[int, np.ndarray], worse: dict[int, np.ndarray]) -> Difference:
    """Paired bootstrap of the difference of two rows.

    Args:
        better: of :func:`resample`, for each seed.
        worse: likewise, of the same draws.
    """
    gap = np.mean(list(better.values()), 0) - np.mean(list(worse.values()), 0)
    low, high = np.quantile(gap[1:], [0.025, 0.975])
    return Difference(float(gap[0]), float(low), float(high))


def save_matches(path: Path, matches: Matches) -> None:
    """Write matches compactly: thresholds as bits."""
    bits = (1 << np.arange(THRESHOLDS, dtype=np.uint16))[:, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as partial, open(partial, 'wb') as file:
        np.savez_compressed(
            file,
            image=matches.image.astype(np.uint16),
            matched=(matches.matched * bits).sum(0).astype(np.uint16),
            ignored=(matches.ignored * bits).sum(0).astype(np.uint16),
            persons=matches.persons.astype(np.uint8),
        )


def load_matches(path: Path) -> Matches:
    """Read what :func:`save_matches` wrote."""
    bits = np.arange(THRESHOLDS)[:, None]
    with np.load(path) as file:
        matched, ignored = ((file[name] >> bits & 1) > 0 for name in ('matched', 'ignored'))
        return Matches(file['image'].astype(int), matched, ignored, file['persons'].astype(int))


def load_all(folder: Path, rows: Iterable[str]) -> dict[str, dict[int, Matches]]:
    """Matches of all seeds of the rows that have some, from files ROW_seedN.npz."""
    found: dict[str, dict[int, Matches]] = {}
    for row in rows:
        files = sorted(folder.glob(f'{row}_seed[0-9]*.npz'))
        if files:
            found[row] = {
                int(file.stem.rpartition('_seed')[2]): load_matches(file) for file in files
            }
    return found
