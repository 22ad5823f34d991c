"""Pictures of what the grouping saw and decided, in the manner of the paper's Figures 5 to 7."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..models.grouping.explanation import Explanation
from .poses import person_color

#: lines of similar strength are blended at once
_STEPS = 10
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_FADED = 0.35
_JOINTS, _CENTERS = (0, 110, 255), (255, 190, 0)  # orange and light blue


def unit_of(image: np.ndarray) -> int:
    """Width of thin lines and radius of small dots on an image, in pixels."""
    return max(1, round(min(image.shape[:2]) / 220))


def dim(image: np.ndarray, share: float = 0.45) -> np.ndarray:
    """A gray and darker copy of an image [H x W x 3], on which colored lines stand out."""
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.convertScaleAbs(gray, alpha=share)


def draw_proposals(
    image: np.ndarray, found: Explanation, scale: float, persons: np.ndarray, least: float = 0.05
) -> np.ndarray:
    """Detected keypoints, as bright as their score, and centers.

    Args:
        image: [H x W x 3] uint8, BGR; a new one is returned.
        found: of the image, in pixels / ``scale``.
        scale: pixels of ``image`` for each pixel of ``found``.
        persons: [C] number of the person of each center, -1 for false centers.
        least: keypoints with a lower score are left out.
    """
    canvas, unit = dim(image), unit_of(image)
    shown = found.keypoint_valid & (found.keypoint_scores >= least)
    order = [slot for slot in np.argsort(found.keypoint_scores) if shown[slot]]
    kinds = int(found.keypoint_types.max()) + 1
    for slot in order:
        hue = np.uint8([[[found.keypoint_types[slot] * 180 // kinds, 190, 255]]])
        color = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].astype(float)
        color = tuple((color * (0.35 + 0.65 * min(found.keypoint_scores[slot], 1))).tolist())
        cv2.circle(canvas, _spot(found.keypoints[slot] * scale), 2 * unit, color, -1, cv2.LINE_AA)
    return draw_centers(canvas, found, scale, persons)


def draw_attention(
    image: np.ndarray,
    found: Explanation,
    scale: float,
    persons: np.ndarray,
    visible_thr: float = 0.3,
    layer: int = -1,
) -> np.ndarray:
    """A line from each center to each keypoint that it attends to, as strong as the weight.

    Arguments as of :func:`draw_proposals`, and:

    Args:
        visible_thr: attention of keypoints with a lower visibility is left out.
        layer: number of the layer or round.
    """
    canvas, unit = dim(image), unit_of(image)
    lines: list[list] = [[] for _ in range(_STEPS + 1)]
    for center in np.flatnonzero(persons >= 0):
        for kind in np.flatnonzero(found.visibility[center] >= visible_thr):
            weights = found.weights[layer, center, kind]
            for place in np.flatnonzero(weights >= 1 / _STEPS / 2):
                slot = found.candidates[kind, place]
                end = found.keypoints[slot] if slot >= 0 else found.expected[layer, center, kind]
                step = round(float(weights[place]) * _STEPS)
                lines[step].append((found.centers[center], end, persons[center]))
    for step, group in enumerate(lines):
        if not group:
            continue
        over = canvas.copy()
        for start, end, person in group:
            ends, color = (_spot(start * scale), _spot(end * scale)), person_color(int(person))
            cv2.line(over, *ends, color, unit, cv2.LINE_AA)
            cv2.circle(over, ends[1], 2 * unit, color, -1, cv2.LINE_AA)
        canvas = cv2.addWeighted(over, step / _STEPS, canvas, 1 - step / _STEPS, 0)
    return draw_centers(canvas, found, scale, persons)


def draw_centers(
    image: np.ndarray, found: Explanation, scale: float, persons: np.ndarray
) -> np.ndarray:
    """Centers of people in their color, false centers faded; arguments as for proposals."""
    unit = unit_of(image)
    over = image.copy()
    for center in np.flatnonzero(found.center_valid & (persons < 0)):
        _diamond(over, found.centers[center] * scale, 3 * unit, (190, 190, 190))
    canvas = cv2.addWeighted(over, _FADED, image, 1 - _FADED, 0)
    for center in np.flatnonzero(persons >= 0):
        color = person_color(int(persons[center]))
        _diamond(canvas, found.centers[center] * scale, 5 * unit, color)
    return canvas


def draw_heatmaps(image: np.ndarray, joints: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Heatmaps over an image: keypoints of all types in orange, centers in blue.

    Args:
        image: [H x W x 3] uint8, BGR; a new one is returned.
        joints, centers: [H x W] in [0, 1].
    """
    canvas = dim(image, 0.6).astype(np.float32)
    for values, color in ((joints, _JOINTS), (centers, _CENTERS)):
        share = np.clip(values, 0, 1)[..., None]
        canvas = canvas * (1 - share) + np.float32(color) * share
    return canvas.astype(np.uint8)


def persons_of(found: Explanation, poses: np.ndarray, score_thr: float) -> np.ndarray:
    """Number of the pose that each center became, [C], -1 for false centers.

    Views of a flip or multi-scale test are merged, so that poses differ from those of the image
    alone: the pose that is nearest counts.

    Args:
        found: of an image.
        poses: [P x K x 2] that are shown.
        score_thr: centers with a lower score of their pose are false.
    """
    persons = np.full(len(found.centers), -1)
    if len(poses):
        for center in np.flatnonzero(found.kept & (found.scores >= score_thr)):
            away = np.linalg.norm(poses - found.points[center], axis=-1).mean(-1)
            persons[center] = int(away.argmin())
    return persons


def add_caption(image: np.ndarray, text: str) -> np.ndarray:
    """The image below a white strip with a text."""
    height = max(18, round(image.shape[1] / 22))
    strip = np.full((height, image.shape[1], 3), 255, np.uint8)
    size = height / 34
    spot = (height // 3, round(height * 0.72))
    cv2.putText(strip, text, spot, cv2.FONT_HERSHEY_SIMPLEX, size, _BLACK, 1, cv2.LINE_AA)
    return np.concatenate([strip, image])


def _spot(point: Sequence[float]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _diamond(image: np.ndarray, point: np.ndarray, radius: int, color: tuple) -> None:
    steps = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)]) * radius
    corners = np.round(point + steps).astype(np.int32)
    cv2.fillPoly(image, [corners], color, cv2.LINE_AA)
    cv2.polylines(image, [corners], True, _WHITE, max(1, radius // 4), cv2.LINE_AA)
