"""From posed people to the shapes that are painted: limbs, trunk, head and their parts.

Axis legend:

- person number: N
- limb number: L (16: 8 pieces for the left side, then 8 for the right side)

Coordinates are those of :class:`Bodies` (person heights, pelvis at the origin) until
:func:`limb_outlines` puts them into the image.
"""

from dataclasses import dataclass

import numpy as np

from .skeleton import Bodies

# Numbers in the part buffer. Left parts are even, right parts odd.
TRUNK, PELVIS, NECK, HEAD, LONG_HAIR = 1, 2, 3, 4, 5
UPPER_ARM, FOREARM, HAND, THIGH, SHIN, FOOT = 6, 8, 10, 12, 14, 16
BACKPACK = 18

# The pieces of one side, in painting order: bare limb first, the cloth over it afterwards.
PIECES = ('upper_arm', 'sleeve', 'forearm', 'hand', 'thigh', 'short', 'shin', 'foot')
PIECE_PARTS = (UPPER_ARM, UPPER_ARM, FOREARM, HAND, THIGH, THIGH, SHIN, FOOT)
_CAP = np.deg2rad(np.array([90, 126, 162, 198, 234, 270]))

# Parts that show a joint when they are the topmost thing at its place, by joint number.
_HEAD_PARTS = {HEAD}
VISIBLE_ON = {
    0: _HEAD_PARTS, 1: _HEAD_PARTS, 2: _HEAD_PARTS, 3: _HEAD_PARTS, 4: _HEAD_PARTS,
    5: {UPPER_ARM, TRUNK}, 6: {UPPER_ARM + 1, TRUNK},
    7: {UPPER_ARM, FOREARM}, 8: {UPPER_ARM + 1, FOREARM + 1},
    9: {FOREARM, HAND}, 10: {FOREARM + 1, HAND + 1},
    11: {THIGH, PELVIS, TRUNK}, 12: {THIGH + 1, PELVIS, TRUNK},
    13: {THIGH, SHIN}, 14: {THIGH + 1, SHIN + 1},
    15: {SHIN, FOOT}, 16: {SHIN + 1, FOOT + 1},
    17: _HEAD_PARTS, 18: {NECK, HEAD, TRUNK},
}  # fmt: skip


@dataclass
class Wear:
    """Looks of N people. Colors are BGR in [0, 255], lengths of cloth fractions of the limb.

    Attributes:
        skin, hair, shirt, trousers, shoes: [N, 3].
        sleeve: [N], 0 (no sleeve) to 1 (the upper arm) and 2 (down to the wrist).
        leg: [N], 0.5 to 1 for shorts, 2 for long trousers.
        shirt_cloth, trouser_cloth: [N], numbers in the texture bank, 0 is plain.
        chest: [N], 0 print, 1 buttons, 2 open jacket, 3 tie, 4 stripe.
        long_hair, bald, backpack, glasses: [N], bool.
    """

    skin: np.ndarray
    hair: np.ndarray
    shirt: np.ndarray
    trousers: np.ndarray
    shoes: np.ndarray
    sleeve: np.ndarray
    leg: np.ndarray
    shirt_cloth: np.ndarray
    trouser_cloth: np.ndarray
    chest: np.ndarray
    long_hair: np.ndarray
    bald: np.ndarray
    backpack: np.ndarray
    glasses: np.ndarray


_SKIN = np.array(
    [[190, 208, 240], [160, 185, 228], [130, 160, 210], [100, 135, 190], [75, 105, 160],
     [55, 80, 125], [42, 60, 98]], dtype=np.float64,
)  # fmt: skip
_HAIR = np.array(
    [[25, 22, 22], [30, 38, 52], [40, 60, 92], [70, 120, 170], [120, 185, 215], [45, 70, 150],
     [150, 150, 152]], dtype=np.float64,
)  # fmt: skip


def _cloth_colors(rng: np.random.Generator, number: int) -> np.ndarray:
    """[N, 3] colors over all hues, from dark to bright, a third of them nearly gray."""
    hue = rng.uniform(0, 2 * np.pi, number)
    wheel = np.stack([np.cos(hue + shift) for shift in (0, 2.09, 4.19)], axis=1)
    value = rng.uniform(45, 225, number)[:, None]
    saturation = np.where(rng.random(number) < 0.33, 0.06, rng.uniform(0.3, 0.75, number))
    return np.clip(value * (1 + saturation[:, None] * wheel), 12, 245)


def sample_wear(rng: np.random.Generator, number: int, textures: int) -> Wear:
    """Draw the looks of ``number`` people; ``textures`` is the size of the texture bank."""
    shirt, trousers = _cloth_colors(rng, number), _cloth_colors(rng, number)
    # The hem of the shirt marks the hips, so it must show: push the two apart in brightness.
    gap = (shirt - trousers).mean(axis=1)
    close = np.abs(gap) < 40
    trousers[close] *= np.where(shirt[close].mean(axis=1) > 110, 0.45, 1.9)[:, None]
    kind = rng.random(number)
    plain = 0.5
    return Wear(
        skin=_SKIN[rng.integers(0, len(_SKIN), number)] * rng.uniform(0.92, 1.06, (number, 1)),
        hair=_HAIR[rng.choice(len(_HAIR), number, p=[0.3, 0.24, 0.16, 0.1, 0.08, 0.05, 0.07])],
        shirt=shirt,
        trousers=np.clip(trousers, 15, 240),
        shoes=_cloth_colors(rng, number) * 0.7,
        sleeve=np.select([kind < 0.15, kind < 0.6], [0.0, rng.uniform(0.4, 0.95, number)], 2.0),
        leg=np.where(rng.random(number) < 0.35, rng.uniform(0.55, 0.95, number), 2.0),
        shirt_cloth=np.where(rng.random(number) < plain, 0, rng.integers(1, textures, number)),
        trouser_cloth=np.where(rng.random(number) < 0.7, 0, rng.integers(1, textures, number)),
        chest=rng.integers(0, 5, number),
        long_hair=rng.random(number) < 0.35,
        bald=rng.random(number) < 0.08,
        backpack=rng.random(number) < 0.1,
        glasses=rng.random(number) < 0.15,
    )


@dataclass
class Limbs:
    """The tapered pieces of arms and legs of N people.

    Attributes:
        start, end: [N, 16, 3] middle of both round ends, in person heights.
        radii: [N, 16, 2] of both ends; 0 where there is no such piece of cloth.
        depth: [N, 16] painting order, larger is nearer to the camera.
    """

    start: np.ndarray
    end: np.ndarray
    radii: np.ndarray
    depth: np.ndarray


def build_limbs(bodies: Bodies, wear: Wear) -> Limbs:
    """Cut arms and legs into the pieces named in ``PIECES``."""
    joints, girth = bodies.joints, bodies.girth[:, None]
    starts, ends, radii = [], [], []
    sleeve, leg = wear.sleeve, wear.leg
    for side in (0, 1):
        shoulder, elbow, wrist = (joints[:, index + side] for index in (5, 7, 9))
        hip, knee, ankle = (joints[:, index + side] for index in (11, 13, 15))
        hem = shoulder + (elbow - shoulder) * np.minimum(sleeve, 1)[:, None]
        cuff = hip + (knee - hip) * np.minimum(leg, 1)[:, None]
        thick = hip + (knee - hip) * 0.06
        starts += [shoulder, shoulder, elbow, wrist, thick, thick, knee, bodies.heels[:, side]]
        ends += [elbow, hem, wrist, bodies.hands[:, side], knee, cuff, ankle, bodies.toes[:, side]]
        has_sleeve, has_short = sleeve > 0, leg < 2
        forearm = np.where(sleeve >= 2, 1.15, 1.0)
        shin = np.where(leg >= 2, 1.2, 1.0)
        one = np.ones_like(sleeve)
        radii += [
            np.stack((0.031 * one, 0.024 * one), 1) * girth,
            np.stack((0.037 * has_sleeve, 0.032 * has_sleeve), 1) * girth,
            np.stack((0.0245 * forearm, 0.019 * forearm), 1) * girth,
            np.stack((0.019 * one, 0.022 * one), 1),
            np.stack((0.052 * one, 0.036 * one), 1) * girth,
            np.stack((0.056 * has_short, 0.05 * has_short), 1) * girth,
            np.stack((0.035 * shin, 0.023 * shin), 1) * girth,
            np.stack((0.024 * one, 0.021 * one), 1),
        ]
    start, end, radius = (np.stack(items, axis=1) for items in (starts, ends, radii))
    # Arms lie over the trunk and the trunk (shirt) over the legs when the depth hardly differs.
    bias = np.array([0.03, 0.031, 0.035, 0.04, -0.02, -0.019, -0.021, -0.022] * 2)
    depth = (start[..., 2] + end[..., 2]) / 2 + bias
    # A sleeve must follow its own arm and trousers their own leg, whatever the depths say.
    depth[:, [1, 9]] = depth[:, [0, 8]] + 1e-4
    depth[:, [5, 13]] = depth[:, [4, 12]] + 1e-4
    return Limbs(start, end, radius, depth)


def limb_outlines(
    start: np.ndarray, end: np.ndarray, radii: np.ndarray, grow: float = 1.0
) -> np.ndarray:
    """Outlines of round-ended tapered limbs.

    Args:
        start, end: [..., 2] middle of both ends, in any unit.
        radii: [..., 2] radii of both ends, in the same unit.
        grow: factor on the radii.

    Returns:
        [..., 12, 2] polygon around both ends.
    """
    delta = end - start
    angle = np.arctan2(delta[..., 1], delta[..., 0])[..., None]
    back, front = angle + _CAP, angle + _CAP + np.pi
    first = np.stack((np.cos(back), np.sin(back)), -1) * (radii[..., :1, None] * grow)
    second = np.stack((np.cos(front), np.sin(front)), -1) * (radii[..., 1:, None] * grow)
    return np.concatenate((start[..., None, :] + first, end[..., None, :] + second), axis=-2)


def body_boxes(bodies: Bodies, limbs: Limbs, wear: Wear) -> np.ndarray:
    """Boxes [N, 4] (x1, y1, x2, y2) around whole bodies, in person heights, pelvis at 0."""
    head, axes, size = bodies.head, bodies.head_axes, bodies.head_radius[:, None]
    # Long hair and backpacks stick out; without them their discs shrink to points of the body.
    has_hair = (wear.long_hair & ~wear.bald)[:, None]
    has_bag = wear.backpack[:, None]
    hair = head + has_hair * size * (1.5 * axes[:, :, 1] - 0.5 * axes[:, :, 2])
    bag = bodies.joints[:, 18] * 0.62 - has_bag * 0.08 * bodies.trunk[:, :, 2]
    centers = np.concatenate((limbs.start, limbs.end, np.stack((head, hair, bag), 1)), axis=1)
    radius = np.concatenate(
        (limbs.radii[..., 0], limbs.radii[..., 1], size * 1.1, has_hair * size, has_bag * 0.11), 1
    )[..., None]
    centers = centers[..., :2]
    return np.concatenate(((centers - radius).min(axis=1), (centers + radius).max(axis=1)), axis=1)
