"""Places people so that the crowd index of the image is close to a target."""

import numpy as np

from .presets import Preset


def crowd_index(keypoints: np.ndarray, boxes: np.ndarray) -> float:
    """Crowd index of an image as CrowdPose defines it.

    For each person with labeled joints: the number of labeled joints of other people inside the
    person's box, divided by the number of the person's own labeled joints, at most 1. The index
    is the mean of that over these people, 0 when there are none.

    Args:
        keypoints: [N, K, 3] of x, y in pixels and visibility (0 is not labeled).
        boxes: [N, 4] of left, top, width and height in pixels.

    Returns:
        in [0, 1].
    """
    labeled = keypoints[..., 2] > 0
    upper = boxes[:, :2] + boxes[:, 2:]
    return _index(keypoints[..., :2], labeled, boxes[:, :2], upper)


def _index(points: np.ndarray, labeled: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """:func:`crowd_index` on [N, K, 2] points, [N, K] flags and the corners [N, 2] of boxes."""
    own = labeled.sum(axis=1)
    if not own.any():
        return 0.0
    x, y = points[None, ..., 0], points[None, ..., 1]
    inside = (x >= lower[:, None, None, 0]) & (x <= upper[:, None, None, 0])
    inside &= (y >= lower[:, None, None, 1]) & (y <= upper[:, None, None, 1])
    inside &= labeled[None]
    counts = inside.sum(axis=2)  # [N boxes, N people]
    others = counts.sum(axis=1) - counts.diagonal()
    return float(np.minimum(others[own > 0] / own[own > 0], 1).mean())


class Layout:
    """Positions and sizes of N people in one image.

    Args:
        joints: [N, 17, 2] joints in person heights, the pelvis at 0.
        boxes: [N, 4] (x1, y1, x2, y2) whole-body boxes in the same unit.
        counted: [N] bool, False for people who will carry no keypoints.
        size: width and height of the image in pixels.
        preset: bounds of the body heights.
    """

    def __init__(
        self,
        joints: np.ndarray,
        boxes: np.ndarray,
        counted: np.ndarray,
        size: tuple[int, int],
        preset: Preset,
    ) -> None:
        self.joints, self.boxes, self.counted = joints, boxes, counted
        self.size = np.array(size, dtype=np.float64)
        self.preset = preset
        self.unit_height = boxes[:, 3] - boxes[:, 1]

    def measure(self, position: np.ndarray, scale: np.ndarray) -> float:
        """Crowd index of people at ``position`` [N, 2] with ``scale`` [N] pixels a height."""
        keep = self.counted
        position, scale = position[keep], scale[keep]
        points = position[:, None] + self.joints[keep] * scale[:, None, None]
        labeled = ((points >= 0) & (points <= self.size - 1)).all(axis=-1)
        boxes = self.boxes[keep] * scale[:, None]
        lower = np.clip(position + boxes[:, :2], 0, self.size)
        upper = np.clip(position + boxes[:, 2:], 0, self.size)
        return _index(points, labeled, lower, upper)

    def search(self, rng: np.random.Generator, target: float) -> tuple[np.ndarray, np.ndarray]:
        """Place everybody.

        Returns:
            position [N, 2] of the pelvis in image coordinates and scale [N] in pixels a
            person height.
        """
        number = len(self.joints)
        low = self.preset.min_height * self.size[1] * 1.01
        high = self.preset.max_height * self.size[1] * 0.99
        spot, columns = self._grid(rng, number)
        # Body heights: around what fits the cell of a person, with a spread that grows with it.
        fits = self.size[0] / columns * 1.9 * (1 + target)
        # Few people would always be as large as they may: let the bound vary, too.
        bound = low * (high / low) ** rng.uniform(0.5, 1)
        middle = np.clip(fits * np.exp(rng.normal() * 0.35), low * 1.1, bound)
        spread = rng.uniform(0.08, 0.5) * (1 - 0.6 * target)
        height = middle * np.exp(rng.normal(size=number) * spread)
        # Where the group stands, if it stands close together, and how far it may spread.
        heart = self.size * [rng.uniform(0.2, 0.8), rng.uniform(0.35, 0.65)]
        widest = 1.0 if rng.random() < 0.5 else 1.35
        goal = target
        for _ in range(7):
            height = np.clip(height, low, high)
            scale = height / self.unit_height
            offset = -(self.boxes[:, :2] + self.boxes[:, 2:]) / 2 * scale[:, None]

            def place(
                factor: float, offset: np.ndarray = offset, height: np.ndarray = height
            ) -> np.ndarray:
                center = heart * (1 - factor) + self.size / 2 * factor
                # Larger people reach farther down, as if they stood nearer.
                ground = np.stack((0 * height, (height - height.mean()) * 0.25), axis=1)
                return center + spot * self.size * factor + offset + ground

            if number == 1:
                return self._keep_inside(rng, place(widest), scale), scale
            tight, loose = 0.0, widest
            if self.measure(place(loose), scale) > goal + 0.03:
                if (height <= low * 1.001).all():
                    break
                height = height * 0.82
                continue
            if self.measure(place(tight), scale) < goal - 0.03:
                height = np.exp(np.log(height) * 0.4 + np.log(height).mean() * 0.6)
            for _ in range(8):
                factor = (tight + loose) / 2
                if self.measure(place(factor), scale) > goal:
                    tight = factor
                else:
                    loose = factor
            loose = factor
            break
        position = self._keep_inside(rng, place(loose), scale)
        return self._refine(rng, position, scale, goal), scale

    def _grid(self, rng: np.random.Generator, number: int) -> tuple[np.ndarray, float]:
        """Shaken grid cells [N, 2] in [-0.5, 0.5] and the number of columns."""
        rows = max(1, round(np.sqrt(number / rng.uniform(2.2, 6.0))))
        columns = int(np.ceil(number / rows))
        cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
        cells = cells[rng.permutation(len(cells))[:number]].astype(np.float64)
        cells += rng.uniform(0.2, 0.8, cells.shape)
        spot = cells / [columns, rows] - 0.5
        spot[:, 1] *= 0.8
        return spot, columns

    def _keep_inside(
        self, rng: np.random.Generator, position: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        """Let at most a part of a body leave the image, more of a large one than of a small one."""
        lower, upper = self.boxes[:, :2] * scale[:, None], self.boxes[:, 2:] * scale[:, None]
        extent = upper - lower
        allowed = np.where(rng.random((len(scale), 1)) < 0.3, rng.uniform(0.1, 0.5), 0.03) * extent
        allowed = np.maximum(allowed, (extent - self.size) * 0.9)
        first = -lower - allowed
        last = self.size - upper + allowed
        middle = (first + last) / 2
        return np.clip(position, np.minimum(first, middle), np.maximum(last, middle))

    def _refine(
        self, rng: np.random.Generator, position: np.ndarray, scale: np.ndarray, goal: float
    ) -> np.ndarray:
        """Move single people a little while that brings the index nearer to the goal."""
        best = abs(self.measure(position, scale) - goal)
        for _ in range(40):
            if best < 0.025:
                break
            trial = position.copy()
            who = rng.integers(len(scale))
            trial[who] += rng.normal(size=2) * [0.3, 0.15] * scale[who] * self.unit_height[who]
            trial = self._keep_inside(rng, trial, scale)
            error = abs(self.measure(trial, scale) - goal)
            if error < best:
                best, position = error, trial
        return position
