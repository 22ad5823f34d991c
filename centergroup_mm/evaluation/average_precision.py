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


def average_precision(
    ann_file: str | Path,
    result_file: str | Path,
    image_ids: Sequence[int],
    sigmas: Sequence[float],
) -> float:
    """COCO keypoint AP over some images of a dataset.

    Args:
        ann_file: COCO annotations.
        result_file: COCO results (a list with image_id, keypoints and score).
        image_ids: the images that count.
        sigmas: keypoint standard deviations, length K.

    Returns:
        AP in [0, 1]; nan where these images have no annotated person.
    """
    if not json.loads(Path(result_file).read_text()):
        return 0.0
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports by printing
        truth = COCO(str(ann_file))
        evaluation = COCOeval(
            truth, truth.loadRes(str(result_file)), 'keypoints', np.asarray(sigmas), use_area=True
        )
        evaluation.params.imgIds = list(image_ids)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    value = float(evaluation.stats[0])
    return value if value >= 0 else float('nan')


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
