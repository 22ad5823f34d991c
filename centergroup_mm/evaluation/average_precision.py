"""Average precision of parts of a dataset."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

# Bounds of the crowd index in CrowdPose's evaluation: easy, medium, hard.
CROWD_LEVELS = dict(easy=(0.0, 0.1), medium=(0.1, 0.8), hard=(0.8, 1.0))


def coco_numbers(
    ann_file: str | Path,
    results: str | Path | list[dict],
    image_ids: Sequence[int],
    sigmas: Sequence[float],
) -> dict[str, float]:
    """COCO keypoint metrics over some images of a dataset.

    Args:
        ann_file: COCO annotations.
        results: COCO results, a file or its content (a list with image_id, category_id, keypoints
            and score).
        image_ids: the images that count.
        sigmas: keypoint standard deviations, length K.

    Returns:
        ``AP``, ``AP50``, ``AP75``, ``AP medium``, ``AP large`` and ``AR`` in [0, 1]; nan where
        these images have no annotated person of that kind, 0 where there are no results.
    """
    names = ('AP', 'AP50', 'AP75', 'AP medium', 'AP large', 'AR')
    if not isinstance(results, list):
        results = json.loads(Path(results).read_text())
    if not results:
        return dict.fromkeys(names, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports by printing
        truth = COCO(str(ann_file))
        evaluation = COCOeval(
            truth, truth.loadRes(results), 'keypoints', np.asarray(sigmas), use_area=True
        )
        evaluation.params.imgIds = list(image_ids)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = [float(value) if value >= 0 else float('nan') for value in evaluation.stats[:6]]
    return dict(zip(names, values, strict=True))


def average_precision(
    ann_file: str | Path,
    result_file: str | Path,
    image_ids: Sequence[int],
    sigmas: Sequence[float],
) -> float:
    """COCO keypoint AP over some images; arguments as of :func:`coco_numbers`."""
    return coco_numbers(ann_file, result_file, image_ids, sigmas)['AP']


def ap_by_crowd_level(
    ann_file: str | Path, result_file: str | Path, sigmas: Sequence[float]
) -> dict[str, tuple[float, int]]:
    """AP on easy, medium and hard images by their ``crowdIndex``.

    Args:
        ann_file: COCO annotations whose images carry a ``crowdIndex``.
        result_file: COCO results.
        sigmas: keypoint standard deviations, length K.

    Returns:
        for each level (AP, number of images).
    """
    images = json.loads(Path(ann_file).read_text())['images']
    table = {}
    for level, (low, high) in CROWD_LEVELS.items():
        chosen = [
            image['id']
            for image in images
            if low <= image['crowdIndex'] < high or image['crowdIndex'] == high == 1.0
        ]
        value = average_precision(ann_file, result_file, chosen, sigmas) if chosen else float('nan')
        table[level] = (value, len(chosen))
    return table
