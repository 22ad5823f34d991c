"""One synthetic picture of a crowd with everything that is known about it.

Meaning of the labels, which follow COCO and CrowdPose:

- A keypoint is (x, y, v) in pixels; the middle of the upper left pixel is (0, 0).
- v = 2: labelled and visible, the part of the body that carries the joint is the topmost thing at
  its place and the joint lies on the side of the body that faces the camera.
- v = 1: labelled but hidden, by another person, by a thing or by the person's own body (the face
  of a person seen from the back is hidden by the head).
- v = 0: not labelled because it lies outside of the image; x and y are 0 as well.
- bbox: left, top, width and height of the whole body cut at the image border, hidden parts
  included; pixel c covers [c, c + 1).
- segmentation: polygons around the visible pixels of the person; area: the number of these pixels.
- iscrowd: a clump of people that nobody told apart; one run-length mask, no keypoints.
- People without keypoints (tiny, nearly outside or nearly hidden): num_keypoints 0, all zeros.
"""

import zlib
from dataclasses import dataclass, field

import cv2
import numpy as np

from .backdrop import cloth_bank, paint_background, paint_thing
from .body import VISIBLE_ON, body_boxes, build_limbs, sample_wear
from .layout import Layout, crowd_index
from .paint import (
    CLOTH_BITS, CROWD_SLOT, SLOT_BITS, THING_SLOT, PeoplePainter, code,
)  # fmt: skip
from .presets import Preset, get_preset
from .skeleton import CROWDPOSE_FROM_ALL, Bodies, pose_bodies

_FEW_PIXELS = 10
_PART_OK = np.zeros((19, 32), dtype=bool)
for _joint, _parts in VISIBLE_ON.items():
    _PART_OK[_joint, list(_parts)] = True


@dataclass
class Person:
    """One annotated person (or one crowd region).

    Attributes:
        keypoints (np.ndarray): [17, 3] COCO joints, x and y in pixels and visibility.
        crowdpose_keypoints (np.ndarray): [14, 3] CrowdPose joints.
        bbox (np.ndarray): [4] left, top, width, height in pixels.
        area (float): Visible pixels.
        segmentation (list | dict): Polygons, or an uncompressed run-length mask if ``iscrowd``.
        iscrowd (bool): A region of people that nobody told apart.
        full_height (float): Height in pixels of the whole body before it is cut at the border.
        yaw (float): View in degrees, 0 faces the camera.
        slot (int): The number of the person in ``Scene.slots``.
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
    """A picture and its annotations.

    Attributes:
        image (np.ndarray): [H, W, 3] uint8 BGR.
        persons (list[Person]): People and crowd regions.
        crowd_index (float): Crowd index over the COCO joints.
        crowd_index_crowdpose (float): Crowd index over the CrowdPose joints.
        slots (np.ndarray): [H, W] uint8, who is seen: 0 nobody, i + 1 person i, 62 a crowd region,
            63 a thing.
    """

    image: np.ndarray
    persons: list[Person] = field(default_factory=list)
    crowd_index: float = 0.0
    crowd_index_crowdpose: float = 0.0
    slots: np.ndarray | None = None


def scene_generator(preset: str, seed: int, index: int) -> np.random.Generator:
    """The source of randomness of one scene, a function of preset, seed and index only."""
    return np.random.default_rng([zlib.crc32(preset.encode()), seed, index])


def make_scene(
    preset: str = 'full', seed: int = 0, index: int = 0, size: tuple[int, int] = (256, 256)
) -> Scene:
    """Draw scene ``index`` of the set (``preset``, ``seed``).

    Args:
        preset (str): ``full`` or ``demo``.
        seed (int): Number of the set, at least 0.
        index (int): Number of the scene in the set, at least 0.
        size (tuple[int, int]): Width and height in pixels, at least 32 each.

    Returns:
        Scene: The picture and its annotations; the same for the same arguments.
    """
    rules = get_preset(preset)
    if seed < 0 or index < 0:
        raise ValueError(f'seed and index must not be negative, got {seed} and {index}')
    if min(size) < 32:
        raise ValueError(f'size must be at least 32 x 32 pixels, got {size[0]} x {size[1]}')
    rng = scene_generator(preset, seed, index)
    width, height = size

    span = rules.max_people - rules.min_people + 1
    number = rules.min_people + min(int(span * rng.random() ** rules.people_power), span - 1)
    bodies = pose_bodies(rng, number)
    wear = sample_wear(rng, number, len(cloth_bank()))
    limbs = build_limbs(bodies, wear)
    boxes = body_boxes(bodies, limbs)
    counted = rng.random(number) >= rules.unlabelled
    counted[0] = True
    layout = Layout(bodies.joints[:, :17, :2], boxes, counted, size, rules)
    position, scale = layout.search(rng, rng.random())
    _put_aside(rng, rules, size, boxes, counted, position, scale)

    canvas = paint_background(rng, width, height)
    for _ in range(rng.poisson(rules.clutter)):
        where = rng.random(2) * size
        paint_thing(canvas, rng, 0, where, height * rng.uniform(0.05, 0.5), wear.skin)
    crowd = rng.random() < rules.crowd_region
    if crowd:
        _paint_crowd(rng, canvas, size)

    painter = PeoplePainter(bodies, limbs, wear, position, scale)
    feet = position[:, 1] + boxes[:, 3] * scale
    order = np.argsort(feet + rng.normal(size=number) * 0.05 * height)
    occluders = rng.integers(0, number + 1, rng.poisson(rules.occluders))
    for rank, who in enumerate(order):
        painter.paint(canvas, who, who + 1)
        for _ in range(int((occluders == rank + 1).sum())):
            place = position[who] + rng.normal(size=2) * 0.4 * scale[who]
            extent = scale[who] * rng.uniform(0.2, 0.6)
            paint_thing(canvas, rng, code(THING_SLOT, 0), place, extent, wear.skin)

    codes = np.ascontiguousarray(canvas[..., 3])
    scene = Scene(image=_develop(rng, rules, canvas, codes, position, scale))
    scene.slots = (codes[::2, ::2] >> SLOT_BITS).astype(np.uint8)
    _annotate(scene, codes, bodies, wear.long_hair, boxes, counted, position, scale)
    if crowd:
        _annotate_crowd(scene)
    return scene


def _put_aside(
    rng: np.random.Generator,
    rules: Preset,
    size: tuple[int, int],
    boxes: np.ndarray,
    counted: np.ndarray,
    position: np.ndarray,
    scale: np.ndarray,
) -> None:
    """Make people without keypoints tiny or push them nearly out of the image (in place)."""
    for who in np.flatnonzero(~counted):
        if rules.name != 'demo' and rng.random() < 0.5:
            scale[who] = rules.min_height * size[1] / (boxes[who, 3] - boxes[who, 1])
            position[who] = rng.uniform(0.1, 0.9, 2) * size
            continue
        box = boxes[who] * scale[who]
        inside = (box[2] - box[0]) * rng.uniform(0.15, 0.3)
        if rng.random() < 0.5:
            position[who, 0] = inside - box[2]
        else:
            position[who, 0] = size[0] - inside - box[0]


def _paint_crowd(rng: np.random.Generator, canvas: np.ndarray, size: tuple[int, int]) -> None:
    """Paint a clump of small people far away, all under the same slot."""
    number = int(rng.integers(8, 16))
    bodies = pose_bodies(rng, number)
    wear = sample_wear(rng, number, len(cloth_bank()))
    scale = size[1] * rng.uniform(0.08, 0.14) * rng.uniform(0.85, 1.15, number)
    center = rng.uniform(0.15, 0.85, 2) * size
    position = center + rng.normal(size=(number, 2)) * scale.mean() * [1.1, 0.3]
    painter = PeoplePainter(bodies, build_limbs(bodies, wear), wear, position, scale)
    for who in np.argsort(position[:, 1]):
        painter.paint(canvas, who, CROWD_SLOT)


def _develop(
    rng: np.random.Generator,
    rules: Preset,
    canvas: np.ndarray,
    codes: np.ndarray,
    position: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """Canvas -> [H, W, 3] uint8: smooth edges, cloth patterns, light and noise."""
    height, width = codes.shape[0] // 2, codes.shape[1] // 2
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)[..., :3]
    image = small.astype(np.float32)
    sampled = codes[::2, ::2]
    cloth = (sampled >> CLOTH_BITS) & ((1 << (SLOT_BITS - CLOTH_BITS)) - 1)
    rows, columns = np.nonzero(cloth)
    if len(rows):
        slots = (sampled[rows, columns] >> SLOT_BITS).astype(np.intp) - 1
        valid = slots < len(scale)
        rows, columns, slots = rows[valid], columns[valid], slots[valid]
        # The pattern moves and grows with its person: 64 samples a half person height.
        zoom = (128 / scale).astype(np.float32)[slots]
        shift = position.astype(np.float32)[slots]
        bank = cloth_bank()
        side = bank.shape[1]
        u = ((columns - shift[:, 0]) * zoom).astype(np.int32) % side
        v = ((rows - shift[:, 1]) * zoom).astype(np.int32) % side
        image[rows, columns] *= bank[cloth[rows, columns], v, u][:, None]
    # Uneven light, contrast and brightness of the whole picture.
    light = cv2.resize(
        rng.uniform(0.82, 1.18, (3, 3)).astype(np.float32), (width, height),
        interpolation=cv2.INTER_LINEAR,
    )  # fmt: skip
    image *= light[..., None] * rng.uniform(0.9, 1.1)
    if rng.random() < rules.blur:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 0.8))
    if rules.noise > 0:
        grain = np.empty((height, width), np.float32)
        grain = rng.standard_normal(out=grain, dtype=np.float32)
        image += grain[..., None] * np.float32(rng.uniform(0, rules.noise))
    return np.clip(image, 0, 255).astype(np.uint8)


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
    shown[:5] &= depth > np.array([0.15, 0.2, 0.2, -0.35, -0.35]) * radius
    if long_hair[who]:
        shown[3:5] = False
    # Shoulders and hips on the far side of a body seen from its side lie behind the trunk.
    for left in (5, 11):
        middle = joints[left : left + 2, 2].mean()
        shown[left : left + 2] &= joints[left : left + 2, 2] - middle > -0.62 * abs(
            np.linalg.norm(joints[left] - joints[left + 1]) / 2
        )
    return np.where(inside, 1 + shown, 0)


def _polygons(mask: np.ndarray, left: int, top: int) -> list[list[float]]:
    """COCO polygons around a canvas mask [h, w] whose corner is at canvas pixel (left, top)."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = []
    for contour in contours:
        contour = cv2.approxPolyDP(contour, 0.7, True)[:, 0]
        if len(contour) >= 3:
            edge = (contour + [left, top] + 0.5) / 2
            polygons.append(np.round(edge, 2).ravel().tolist())
    return polygons


def _annotate(
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
        left, top = np.maximum(np.floor(frame[:2]).astype(int) - 8, 0)
        right, bottom = np.ceil(frame[2:]).astype(int) + 8
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


def _annotate_crowd(scene: Scene) -> None:
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
