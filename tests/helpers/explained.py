"""An explanation made by hand: two people and a false center, three keypoint types."""

from __future__ import annotations

import numpy as np

from centergroup_mm.models.grouping.explanation import Explanation


def explanation() -> Explanation:
    """Two keypoints of each type, one for each person, in an image of 100 x 80 pixels."""
    keypoints = np.array([[20, 10], [70, 12], [10, 40], [90, 40], [30, 70], [60, 70]], float)
    kinds = np.repeat(np.arange(3), 2)
    centers = np.array([[20, 40], [75, 40], [50, 20]], float)
    weights = np.zeros((2, 3, 3, 3))  # layers, centers, types, candidates
    weights[:, 0], weights[:, 1], weights[:, 2] = [0.9, 0.1, 0], [0.2, 0.8, 0], [0.4, 0.3, 0.3]
    weights[0] = 1 / 3
    appearance = np.log(weights + 1e-6) - 1
    points = np.stack([keypoints[::2], keypoints[1::2], keypoints[::2] + 3])
    return Explanation(
        keypoints=keypoints,
        keypoint_types=kinds,
        keypoint_scores=np.array([0.9, 0.8, 0.7, 0.6, 0.9, 0.5]),
        keypoint_valid=np.ones(6, bool),
        centers=centers,
        center_scores=np.array([0.8, 0.7, 0.2]),
        center_valid=np.ones(3, bool),
        candidates=np.array([[0, 1, -1], [2, 3, -1], [4, 5, -1]]),
        weights=weights,
        terms=dict(detection=np.zeros_like(weights), geometry=weights, appearance=appearance),
        expected=np.broadcast_to(points, (2, 3, 3, 2)) + 1.0,
        points=points,
        visibility=np.array([[0.9, 0.9, 0.9], [0.9, 0.8, 0.7], [0.5, 0.5, 0.1]]),
        person=None,
        scores=np.array([0.9, 0.8, 0.6]),
        kept=np.array([True, True, False]),
    )
