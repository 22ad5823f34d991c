"""Draws one synthetic image of a crowd; ``labels.py`` says what its labels mean."""

import zlib

import cv2
import numpy as np

from .backdrop import cloth_bank, grain, paint_background, paint_thing
from .body import body_boxes, build_limbs, sample_wear
from .labels import Scene, annotate_crowd, annotate_people
from .layout import Layout
from .paint import CLOTH_BITS, CROWD_SLOT, SLOT_BITS, THING_SLOT, PeoplePainter, code
from .presets import Preset, get_preset
from .skeleton import pose_bodies


def scene_generator(preset: str, seed: int, index: int) -> np.random.Generator:
    """Random generator of one scene, determined by preset, seed and index only."""
    return np.random.default_rng([zlib.crc32(preset.encode()), seed, index])


def make_scene(
    preset: str = 'full', seed: int = 0, index: int = 0, size: tuple[int, int] = (256, 256)
) -> Scene:
    """Draw scene ``index`` of the set (``preset``, ``seed``).

    Args:
        preset: ``full`` or ``demo``.
        seed: number of the set, at least 0.
        index: number of the scene in the set, at least 0.
        size: width and height in pixels, at least 32 each.

    Returns:
        the image and its annotations; the same for the same arguments.
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
    boxes = body_boxes(bodies, limbs, wear)
    counted = rng.random(number) >= rules.unlabeled
    counted[0] = True
    layout = Layout(bodies.joints[:, :17, :2], boxes, counted, size, rules)
    position, scale = layout.search(rng, float(np.clip(rng.uniform(-0.03, 1.05), 0, 1)))
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
    annotate_people(scene, codes, bodies, wear.long_hair, boxes, counted, position, scale)
    if crowd:
        annotate_crowd(scene)
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
    """Paint a group of small people far away, all with the same slot number."""
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
    # Uneven light, contrast and brightness of the whole image.
    light = cv2.resize(
        rng.uniform(0.82, 1.18, (3, 3)).astype(np.float32), (width, height),
        interpolation=cv2.INTER_LINEAR,
    )  # fmt: skip
    image *= light[..., None] * rng.uniform(0.9, 1.1)
    if rng.random() < rules.blur:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 0.8))
    if rules.noise > 0:
        level = np.float32(rng.uniform(0, rules.noise))
        image += (grain(rng, width, height) * level)[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)
