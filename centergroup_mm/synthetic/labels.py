"""Labels of a synthetic image: people, joints, masks and the crowd index.

Meaning of the labels, which follow COCO and CrowdPose:

- A keypoint is (x, y, v) in pixels; the middle of the upper left pixel is (0, 0).
- v = 2: labeled and visible. The part of the body that carries the joint is the topmost thing at
  its place, and the joint lies on the side of the body that faces the camera.
- v = 1: labeled but hidden by another person, by a thing or by the person's own body. An annotator
  can tell its place, because a joint next to it on the skeleton is visible.
- v = 0: not labeled, x and y are 0 as well: outside of the image, on the far side of the head
  (nobody labels the nose of a person seen from the back) or hidden with all its neighbors.
- bbox: left, top, width and height of the whole body cut at the image border, hidden parts
  included; pixel c covers [c, c + 1).
- segmentation: polygons around the visible pixels of the person; area: the number of these pixels.
- iscrowd: a group of people that are not annotated one by one; one run-length mask, no keypoints.
- People without keypoints (tiny, nearly outside or nearly hidden): num_keypoints 0, all zeros.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from .body import VISIBLE_ON
from .layout import crowd_index
from .paint import CLOTH_BITS, CROWD_SLOT, SLOT_BITS
from .skeleton import CROWDPOSE_FROM_ALL, Bodies

_FEW_PIXELS = 10
_PART_OK = np.zeros((19, 32), dtype=bool)
for _joint, _parts in VISIBLE_ON.items():
    _PART_OK[_joint, list(_parts)] = True
# Joints next to each other: seeing one tells an annotator where the other is.
_LINKS = np.array(
    [(0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12),
     (11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (0, 17), (17, 18), (5, 18), (6, 18)]
)  # fmt: skip
_NEXT_TO = np.zeros((19, 19), dtype=bool)
_NEXT_TO[_LINKS[:, 0], _LINKS[:, 1]] = _NEXT_TO[_LINKS[:, 1], _LINKS[:, 0]] = True


@dataclass
class Person:
    """One annotated person (or one crowd region).

    Attributes:
        keypoints: [17, 3] COCO joints, x and y in pixels and visibility.
        crowdpose_keypoints: [14, 3] CrowdPose joints.
        bbox: [4] left, top, width, height in pixels.
        area: visible pixels.
        segmentation: polygons, or an uncompressed run-length mask if ``iscrowd``.
        iscrowd: a region of people that are not annotated one by one.
        full_height: height in pixels of the whole body before it is cut at the border.
        yaw: view in degrees, 0 faces the camera.
        slot: the number of the person in ``Scene.slots``.
    """

    keypoints: np.ndarray
    crowdpose_keypoints: np.ndarray
    bbox: np.ndarray
    area: float
    segmentation: list | dict
    iscrowd: bool = False
    full_height: float = 0.0
    yaw: float = 0.0
    slot: int = 0


@dataclass
class Scene:
    """An image and its annotations.

    Attributes:
        image: [H, W, 3] uint8 BGR.
        persons: people and crowd regions.
        crowd_index: crowd index over the COCO joints.
        crowd_index_crowdpose: crowd index over the CrowdPose joints.
        slots: [H, W] uint8, who is seen: 0 nobody, i + 1 person i, 62 a crowd region,
            63 a thing.
    """

    image: np.ndarray
    persons: list[Person] = field(default_factory=list)
    crowd_index: float = 0.0
    crowd_index_crowdpose: float = 0.0
    slots: np.ndarray | None = None


def _visibility(
    bodies: Bodies, long_hair: np.ndarray, who: int, points: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Visibility [19] of the joints ``points`` [19, 2] of one person: 0, 1 or 2."""
    high, wide = codes.shape
    inside = ((points >= 0) & (points <= [wide // 2 - 1, high // 2 - 1])).all(axis=1)
    spots = np.round(points * 2 + 0.5).astype(np.intp)
    near = np.array([-1, 0, 1])
    rows = np.clip(spots[:, 1, None, None] + near[:, None], 0, high - 1)
    columns = np.clip(spots[:, 0, None, None] + near, 0, wide - 1)
    seen = codes[rows, columns]  # [19, 3, 3]
    own = (seen >> SLOT_BITS) == who + 1
    fits = _PART_OK[np.arange(19)[:, None, None], seen & ((1 << CLOTH_BITS) - 1)]
    shown = (own & fits).sum(axis=(1, 2)) >= 4

    joints = bodies.joints[who]
    depth = joints[:5, 2] - bodies.head[who, 2]
    radius = bodies.head_radius[who]
    facing = np.ones(19, dtype=bool)
    facing[:5] = depth > np.array([0.15, 0.2, 0.2, -0.35, -0.35]) * radius
    shown &= facing & inside
    if long_hair[who]:
        shown[3:5] = False
    # Shoulders and hips on the far side of a body seen from its side lie behind the trunk.
    for left in (5, 11):
        middle = joints[left : left + 2, 2].mean()
        shown[left : left + 2] &= joints[left : left + 2, 2] - middle > -0.62 * abs(
            np.linalg.norm(joints[left] - joints[left + 1]) / 2
        )
    guessed = (_NEXT_TO & shown).any(axis=1)
    return np.where(inside & facing & (shown | guessed), 1 + shown, 0)


def _polygons(mask: np.ndarray, left: int, top: int) -> list[list[float]]:
    """COCO polygons around a canvas mask [h, w] whose corner is at canvas pixel (left, top)."""
    # Contours run through the middles of pixels. Growing the mask by a pixel to the right and down
    # makes them the outer edges, in coordinates where pixel c covers [c, c + 1).
    mask = cv2.copyMakeBorder(mask, 0, 1, 0, 1, cv2.BORDER_CONSTANT, value=0)
    mask = cv2.dilate(mask, np.ones((2, 2), np.uint8), anchor=(1, 1))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = []
    for contour in contours:
        contour = cv2.approxPolyDP(contour, 0.7, True)[:, 0]
        if len(contour) >= 3:
            edge = (contour + [left, top]) / 2
            polygons.append(np.round(edge, 2).ravel().tolist())
    return polygons


def annotate_people(
    scene: Scene,
    codes: np.ndarray,
    bodies: Bodies,
    long_hair: np.ndarray,
    boxes: np.ndarray,
    counted: np.ndarray,
    position: np.ndarray,
    scale: np.ndarray,
) -> None:
    """Fill ``scene`` with the people who can be seen and with the crowd indices."""
    high, wide = codes.shape
    slots = (codes >> SLOT_BITS).astype(np.uint8)
    for who in range(len(scale)):
        corners = np.concatenate((position[who], position[who])) + boxes[who] * scale[who]
        frame = np.clip(corners * 2, 0, [wide, high, wide, high])
        margin = 8 + int(0.2 * scale[who])
        left, top = np.maximum(np.floor(frame[:2]).astype(int) - margin, 0)
        right, bottom = np.ceil(frame[2:]).astype(int) + margin
        mask = (slots[top:bottom, left:right] == who + 1).astype(np.uint8)
        visible = int(cv2.countNonZero(mask)) if mask.size else 0
        polygons = _polygons(mask, left, top) if visible else []
        if not polygons:
            continue
        points = position[who] + bodies.joints[who, :, :2] * scale[who]
        joints = np.zeros((19, 3), np.float32)
        # Nobody can label a person of whom only a few pixels show.
        if counted[who] and visible / 4 >= _FEW_PIXELS:
            shown = _visibility(bodies, long_hair, who, points, codes)
            joints[:, :2] = np.round(points, 2) * (shown > 0)[:, None]
            joints[:, 2] = shown
        # Hair, feet and backpacks may reach a little beyond the box around limbs and head.
        x, y, w, h = cv2.boundingRect(mask)
        lower = np.minimum(corners[:2] + 0.5, [(left + x) / 2, (top + y) / 2])
        upper = np.maximum(corners[2:] + 0.5, [(left + x + w) / 2, (top + y + h) / 2])
        lower, upper = np.maximum(lower, 0), np.minimum(upper, [wide / 2, high / 2])
        scene.persons.append(
            Person(
                keypoints=joints[:17].copy(),
                crowdpose_keypoints=joints[CROWDPOSE_FROM_ALL],
                bbox=np.round(np.concatenate((lower, upper - lower)), 2),
                area=visible / 4,
                segmentation=polygons,
                full_height=float(corners[3] - corners[1]),
                yaw=float(bodies.yaw[who]),
                slot=who + 1,
            )
        )
    if scene.persons:
        frames = np.stack([person.bbox for person in scene.persons])
        coco = np.stack([person.keypoints for person in scene.persons])
        crowdpose = np.stack([person.crowdpose_keypoints for person in scene.persons])
        scene.crowd_index = crowd_index(coco, frames)
        scene.crowd_index_crowdpose = crowd_index(crowdpose, frames)


def annotate_crowd(scene: Scene) -> None:
    """Add the crowd region, if anything of it can be seen."""
    mask = scene.slots == CROWD_SLOT
    area = int(mask.sum())
    if area < _FEW_PIXELS:
        return
    flat = np.concatenate(([0], mask.T.ravel().astype(np.int8), [0]))
    edges = np.flatnonzero(np.diff(flat))
    # Lengths of the runs, column by column, beginning with a run outside of the region.
    ends = np.concatenate((edges, [mask.size]) if edges[-1] < mask.size else (edges,))
    counts = np.diff(np.concatenate(([0], ends))).tolist()
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    scene.persons.append(
        Person(
            keypoints=np.zeros((17, 3), np.float32),
            crowdpose_keypoints=np.zeros((14, 3), np.float32),
            bbox=np.array([x, y, w, h], dtype=np.float64),
            area=float(area),
            segmentation={'counts': counts, 'size': list(mask.shape)},
            iscrowd=True,
            slot=CROWD_SLOT,
        )
    )
