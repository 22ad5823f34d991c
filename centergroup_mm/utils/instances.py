"""Poses as MMPose's ``InstanceData``."""

from __future__ import annotations

import numpy as np
from mmengine.structures import InstanceData


def pose_instances(
    keypoints: np.ndarray,
    keypoint_scores: np.ndarray,
    scores: np.ndarray,
    score_thr: float | None = None,
) -> InstanceData:
    """Poses of one image in the form that MMPose's metrics and visualizers expect.

    Axis letters: P poses, K keypoint types.

    Args:
        keypoints: [P x K x 2] (x, y) in pixels.
        keypoint_scores: [P x K].
        scores: [P] of the poses.
        score_thr: poses with a lower score are dropped; default: none.

    Returns:
        InstanceData with ``keypoints``, ``keypoint_scores``, ``bbox_scores`` (the scores of the
        poses) and ``bboxes`` [P x 4] (x1, y1, x2, y2), which enclose all K keypoints of a pose.
    """
    if score_thr is not None:
        kept = scores >= score_thr
        keypoints, keypoint_scores, scores = keypoints[kept], keypoint_scores[kept], scores[kept]
    return InstanceData(
        keypoints=keypoints,
        keypoint_scores=keypoint_scores,
        bboxes=np.concatenate([keypoints.min(1), keypoints.max(1)], axis=1),
        bbox_scores=scores,
    )
