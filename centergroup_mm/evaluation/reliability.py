"""Whether scores mean what they say: how often poses of a score are right."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval


def judge_poses(
    ann_file: str | Path,
    results: list[dict],
    sigmas: Sequence[float],
    oks: float = 0.5,
    image_ids: Sequence[int] | None = None,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Which poses are right: matched to a person as COCO's evaluation matches them.

    Args:
        ann_file: COCO annotations.
        results: COCO results.
        sigmas: keypoint standard deviations, length K.
        oks: similarity from which a pose is right.
        image_ids: the images that count; default all.

    Returns:
        scores [P], right [P] bool, and the number of annotated persons; poses that COCO ignores
        are left out.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports by printing
        truth = COCO(str(ann_file))
        evaluation = COCOeval(
            truth, truth.loadRes(results), 'keypoints', np.asarray(sigmas), use_area=True
        )
        if image_ids is not None:
            evaluation.params.imgIds = list(image_ids)
        evaluation.params.iouThrs = np.array([oks])
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ['all']
        evaluation.evaluate()
    scores, right, persons = [], [], 0
    for image in filter(None, evaluation.evalImgs):
        counted = ~np.asarray(image['dtIgnore'], dtype=bool)[0]
        scores.append(np.asarray(image['dtScores'])[counted])
        right.append(np.asarray(image['dtMatches'])[0][counted] > 0)
        persons += int((~np.asarray(image['gtIgnore'], dtype=bool)).sum())
    return np.concatenate(scores), np.concatenate(right), persons


def reliability(
    scores: np.ndarray, right: np.ndarray, edges: Sequence[float]
) -> list[tuple[float, float, int, float, float]]:
    """Mean score and share of right poses between consecutive edges.

    Args:
        scores: [P].
        right: [P] bool.
        edges: ascending.

    Returns:
        for each interval its two edges, the number of poses, their mean score and the share of
        right ones; the last two nan where there are none.
    """
    rows = []
    for low, high in itertools.pairwise(edges):
        inside = (scores >= low) & (scores < high)
        number = int(inside.sum())
        said, true = (float(x[inside].mean()) if number else float('nan') for x in (scores, right))
        rows.append((low, high, number, said, true))
    return rows
