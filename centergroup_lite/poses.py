"""What a model finds in an image, whatever runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Poses(NamedTuple):
    """The people of one image, best score first.

    =============== =================================================================
    keypoints       [P x K x 2] (x, y) in pixels of the image
    keypoint_scores [P x K] score of each keypoint, 0 to 1
    scores          [P] score of each pose, 0 to 1
    =============== =================================================================
    """

    keypoints: np.ndarray
    keypoint_scores: np.ndarray
    scores: np.ndarray

    @property
    def boxes(self) -> np.ndarray:
        """[P x 4] x0, y0, x1, y1 around all keypoints of each person, in pixels of the image."""
        if not len(self.keypoints):
            return np.zeros((0, 4), self.keypoints.dtype)
        return np.concatenate([self.keypoints.min(1), self.keypoints.max(1)], axis=-1)

    def best(self, threshold: float) -> Poses:
        """The poses with at least this score, best first; of equal ones the earlier stays first."""
        order = np.argsort(-self.scores, kind='stable')
        order = order[self.scores[order] >= threshold]
        return Poses(*(field[order] for field in self))


class Predictor(Protocol):
    """A model that is ready to run.

    ======== ==============================================
    joints   names of the K keypoints
    skeleton pairs of keypoints that a line connects
    ======== ==============================================
    """

    joints: Sequence[str]
    skeleton: Sequence[Sequence[int]]

    def find(self, image: np.ndarray) -> Poses:
        """Find all people in an image [H x W x 3] uint8, BGR."""
        ...
