"""Paints people on a canvas that holds colors and, as a fourth channel, who and what is seen.

The canvas is [2H, 2W, 4] uint16: blue, green, red and a code. Painting at twice the resolution and
without smoothing keeps the codes exact; the colors are averaged down afterwards. The code is
``slot << 10 | cloth << 5 | part``: slot 0 is the background, person i has slot i + 1.

Image coordinates follow the package: the middle of the upper left pixel is (0, 0), so that x lies
at 2 x + 0.5 on the canvas.
"""

import cv2
import numpy as np

from . import body as parts
from .body import Limbs, Wear, limb_outlines
from .skeleton import Bodies

SLOT_BITS, CLOTH_BITS = 10, 5
CROWD_SLOT, THING_SLOT = 62, 63
SHIFT = 4
_CIRCLE = np.stack(
    (np.cos(np.linspace(0, 2 * np.pi, 17)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 17)[:-1])), 1
)
_RIM = np.linspace(0, 2 * np.pi, 25)[:-1]
_EYE_WHITE, _DARK = np.array([238.0, 240, 242]), np.array([28.0, 24, 23])
_LIPS = np.array([60.0, 50, 150])
_FACE_ANGLE = np.deg2rad(66)


def to_canvas(points: np.ndarray) -> np.ndarray:
    """Image coordinates [..., 2] -> fixed-point canvas coordinates, int32."""
    return np.round((points * 2 + 0.5) * (1 << SHIFT)).astype(np.int32)


def code(slot: int, part: int, cloth: int = 0) -> int:
    """The number that the fourth channel of the canvas holds."""
    return (int(slot) << SLOT_BITS) | (int(cloth) << CLOTH_BITS) | part


def _hull(points: np.ndarray) -> np.ndarray:
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def _discs(centers: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """[M, 2] centers and [M] radii -> [M * 16, 2] points on the circles."""
    return (centers[:, None] + _CIRCLE * radii[:, None, None]).reshape(-1, 2)


class PeoplePainter:
    """Paints posed and placed people one by one.

    Args:
        bodies: N posed people.
        limbs: their arms and legs.
        wear: their looks.
        position: [N, 2] image coordinates of the pelvis.
        scale: [N] pixels a person height.
    """

    def __init__(
        self, bodies: Bodies, limbs: Limbs, wear: Wear, position: np.ndarray, scale: np.ndarray
    ) -> None:
        self.bodies, self.limbs, self.wear = bodies, limbs, wear
        self.position, self.scale = position, scale
        radii = limbs.radii * scale[:, None, None]
        start = position[:, None] + limbs.start[..., :2] * scale[:, None, None]
        end = position[:, None] + limbs.end[..., :2] * scale[:, None, None]
        self.outer = to_canvas(limb_outlines(start, end, radii))
        # The light comes from the upper left: the bright core of a limb is moved there.
        light = -0.16 * radii.mean(axis=-1)[..., None]
        self.inner = to_canvas(limb_outlines(start + light, end + light, radii, 0.7))

    def _project(self, index: int, points: np.ndarray) -> np.ndarray:
        """Body points [..., 3] of one person -> image coordinates [..., 2]."""
        return self.position[index] + points[..., :2] * self.scale[index]

    def paint(self, canvas: np.ndarray, index: int, slot: int) -> None:
        """Paint one person on the canvas, the farthest part first."""
        shapes = self._trunk_shapes(index, slot) + self._head_shapes(index, slot)
        # One conversion for all these small polygons is much faster than one for each.
        points = to_canvas(np.concatenate([shape[1] for shape in shapes]))
        ends = np.cumsum([len(shape[1]) for shape in shapes]).tolist()
        shapes = [
            (depth, points[end - len(polygon) : end], color)
            for end, (depth, polygon, color) in zip(ends, shapes, strict=True)
        ]
        shapes += self._limb_shapes(index, slot)
        shapes.sort(key=lambda shape: shape[0])
        for _, polygon, color in shapes:
            cv2.fillConvexPoly(canvas, polygon, color, 8, SHIFT)

    def _limb_shapes(self, index: int, slot: int) -> list:
        wear, limbs, shapes = self.wear, self.limbs, []
        skin, shirt, trousers = wear.skin[index], wear.shirt[index], wear.trousers[index]
        sleeved, long_legs = wear.sleeve[index] >= 2, wear.leg[index] >= 2
        shirt_cloth, trouser_cloth = wear.shirt_cloth[index], wear.trouser_cloth[index]
        arm = (shirt, shirt_cloth) if sleeved else (skin, 0)
        leg = (trousers, trouser_cloth) if long_legs else (skin, 0)
        # Lower halves are a little darker than upper ones, so that elbows and knees can be seen.
        looks = (
            (*arm, 1.0), (shirt, shirt_cloth, 0.97), (*arm, 0.86), (skin, 0, 1.0),
            (*leg, 1.0), (trousers, trouser_cloth, 1.0), (*leg, 0.84), (wear.shoes[index], 0, 1.0),
        )  # fmt: skip
        depths, widths = limbs.depth[index].tolist(), limbs.radii[index, :, 0].tolist()
        for limb in range(16):
            if widths[limb] == 0:
                continue
            side, piece = divmod(limb, 8)
            color, cloth, shade = looks[piece]
            number = code(slot, parts.PIECE_PARTS[piece] + side, cloth)
            depth = depths[limb]
            base = color * shade
            edge = (*(base * 0.62).tolist(), number)
            shapes.append((depth, self.outer[index, limb], edge))
            shapes.append((depth + 1e-5, self.inner[index, limb], (*base.tolist(), number)))
        return shapes

    def _trunk_shapes(self, index: int, slot: int) -> list:
        bodies, wear, scale = self.bodies, self.wear, self.scale[index]
        girth = bodies.girth[index]
        joints, trunk, pelvis = bodies.joints[index], bodies.trunk[index], bodies.pelvis[index]
        left, forward = trunk[:, 0], trunk[:, 2]
        neck = joints[18]
        hips, shoulders = joints[[11, 12]], joints[[5, 6]]
        waist = hips - pelvis[:, 1] * 0.05
        belly, chest = neck * 0.35, neck * 0.72
        shirt_points = np.concatenate(
            (
                shoulders - left * np.array([[0.004], [-0.004]]),
                waist,
                [belly + forward * 0.035, belly - forward * 0.02],
                [chest + forward * 0.035, chest - forward * 0.035],
            )
        )
        shirt_radii = np.array([0.03, 0.03, 0.048, 0.048, 0.045, 0.045, 0.05, 0.045])
        pelvis_points = np.concatenate((hips, waist, [-pelvis[:, 2] * 0.03]))
        pelvis_radii = np.array([0.054, 0.054, 0.045, 0.045, 0.05])
        depth = float(neck[2]) / 2
        shapes = []

        def add(points: np.ndarray, color: np.ndarray, number: int, order: float) -> None:
            shapes.append((depth + order, points, (*color.tolist(), number)))

        shirt, trousers = wear.shirt[index], wear.trousers[index]
        lower = code(slot, parts.PELVIS, wear.trouser_cloth[index])
        upper = code(slot, parts.TRUNK, wear.shirt_cloth[index])
        plain = code(slot, parts.TRUNK)
        disc = _discs(self._project(index, pelvis_points), pelvis_radii * girth * scale)
        add(_hull(disc), trousers * 0.7, lower, -0.012)
        disc = _discs(self._project(index, pelvis_points), pelvis_radii * girth * scale * 0.72)
        add(_hull(disc), trousers, lower, -0.0119)
        outline = self._project(index, shirt_points)
        add(_hull(_discs(outline, shirt_radii * girth * scale)), shirt * 0.62, upper, 0)
        disc = _discs(outline - 0.008 * scale, shirt_radii * girth * scale * 0.66)
        add(_hull(disc), shirt, upper, 1e-5)

        facing = forward[2]

        origin = self.position[index]
        neck_2d, left_2d, forward_2d = (axis[:2] * scale for axis in (neck, left, forward))

        def surface(height: float, lateral: float, out: float = 0.078) -> np.ndarray:
            return origin + neck_2d * height + left_2d * lateral + forward_2d * out

        accent = np.where(shirt.mean() > 125, shirt * 0.35, shirt * 0.3 + 165)
        if facing > 0.2:
            kind = wear.chest[index]
            if kind == 0:
                corners = ((0.78, -0.05), (0.78, 0.05), (0.5, 0.045), (0.5, -0.045))
            elif kind == 1:
                corners = ((0.86, -0.006), (0.86, 0.006), (0.12, 0.006), (0.12, -0.006))
            elif kind == 2:
                corners = ((0.98, -0.035), (0.98, 0.035), (0.14, 0.045), (0.14, -0.045))
            elif kind == 3:
                corners = ((0.92, -0.008), (0.92, 0.008), (0.38, 0.02), (0.28, 0), (0.38, -0.02))
            else:
                corners = ((0.7, -0.09), (0.7, 0.09), (0.58, 0.085), (0.58, -0.085))
            add(np.array([surface(*corner) for corner in corners]), accent, plain, 2e-5)
            if kind == 1:
                for height in (0.8, 0.62, 0.44, 0.26):
                    dot = surface(height, 0.012) + _CIRCLE * (0.011 * scale)
                    add(dot, accent, plain, 3e-5)
            v_neck = [surface(1.03, 0.042, 0.03), surface(1.03, -0.042, 0.03), surface(0.84, 0)]
            add(np.array(v_neck), wear.skin[index] * 0.92, code(slot, parts.NECK), 4e-5)
            if wear.backpack[index]:
                for side in (-1, 1):
                    strap = ((1.0, 0.075), (1.0, 0.055), (0.35, 0.07), (0.35, 0.09))
                    strap = np.array([surface(high, side * wide) for high, wide in strap])
                    add(strap, shirt * 0.3 + 20, plain, 5e-5)
        elif facing < -0.2:
            collar = ((1.02, -0.045), (1.02, 0.045), (0.97, 0.05), (0.97, -0.05))
            collar = np.array([surface(high, wide, -0.05) for high, wide in collar])
            add(collar, shirt * 0.5, plain, 2e-5)
            seam = ((0.95, -0.003), (0.95, 0.003), (0.2, 0.003), (0.2, -0.003))
            seam = np.array([surface(high, wide, -0.07) for high, wide in seam])
            add(seam, shirt * 0.75, plain, 2e-5)
        if wear.backpack[index] and facing < 0.5:
            corners = [(0.95, 0.075), (0.95, -0.075), (0.3, -0.085), (0.3, 0.085)]
            bag = [surface(high, wide, out) for high, wide in corners for out in (-0.06, -0.14)]
            order = 6e-5 if facing < 0 else -0.05
            what = code(slot, parts.BACKPACK)
            add(_hull(np.array(bag)), wear.shoes[index] * 0.8 + 20, what, order)
        return shapes

    def _head_shapes(self, index: int, slot: int) -> list:
        bodies, wear = self.bodies, self.wear
        joints, axes = bodies.joints[index], bodies.head_axes[index]
        size = bodies.head_radius[index]
        pixels = size * self.scale[index]
        left, down, forward = axes.T
        left_2d, down_2d, forward_2d = axes.T[:, :2] * pixels
        middle = self._project(index, bodies.head[index])
        skin, hair = wear.skin[index], wear.hair[index]
        hair = skin * 0.8 if wear.bald[index] else hair
        number = code(slot, parts.HEAD)
        depth = float(bodies.head[index, 2]) + 0.03
        shapes = []

        def add(points: np.ndarray, color: np.ndarray, order: float, what: int = number) -> None:
            shapes.append((depth + order, points, (*color.tolist(), what)))

        def spot(lateral: float, low: float, out: float) -> np.ndarray:
            return middle + left_2d * lateral + down_2d * low + forward_2d * out

        throat = self._project(index, joints[18] + bodies.trunk[index][:, 1] * 0.015)
        radius = 0.037 * self.scale[index]
        neck = limb_outlines(throat, middle, np.array([radius, radius]))
        add(neck, skin * 0.74, -0.002, code(slot, parts.NECK))

        across = np.array([down[1], -down[0]])
        norm = np.hypot(*across)
        across = across / norm if norm > 0.2 else np.array([1.0, 0.0])
        along = np.array([-across[1], across[0]])
        wide = 0.95 + 0.1 * abs(forward[0])
        frame = np.stack((across * wide, along * 1.08)) * pixels

        if wear.long_hair[index] and not wear.bald[index]:
            tail = [
                spot(side * wide, low, -0.55) for side in (-1, 1)
                for low, wide in ((0.9, 0.9), (2.3, 0.75))
            ]  # fmt: skip
            fall = _hull(np.concatenate((middle + (_CIRCLE * 1.06) @ frame, tail)))
            order = -0.003 if forward[2] > 0 else 0.003
            add(fall, hair * 0.85, order, code(slot, parts.LONG_HAIR))

        add(middle + (_CIRCLE * 1.05) @ frame, hair * 0.72, 0)
        add(middle + (_CIRCLE * 0.82) @ frame - 0.08 * pixels, hair, 1e-5)

        # The face is the part of the skull within an angle of an axis that points a little down.
        axis = forward * 0.94 + down * 0.34
        second = down * 0.94 - forward * 0.34
        rim = np.cos(_FACE_ANGLE) * axis + np.sin(_FACE_ANGLE) * (
            np.cos(_RIM)[:, None] * left + np.sin(_RIM)[:, None] * second
        )
        edge = np.stack((np.cos(_RIM), np.sin(_RIM), np.zeros_like(_RIM)), 1)
        edge = edge[edge @ axis > np.cos(_FACE_ANGLE)]
        seen = np.concatenate((rim[rim[:, 2] > 0], edge))[:, :2]
        if len(seen) >= 3:
            # ``seen`` lies on the unit circle of the image plane; stretch it like the skull.
            seen = np.stack((seen @ across, seen @ along), 1)
            face = _hull(middle + seen @ frame)
            add(face, skin, 2e-5)
        for side in (1, -1):
            ear = joints[3 if side > 0 else 4] - bodies.head[index]
            if ear[2] > -0.35 * size and not wear.long_hair[index]:
                add(spot(side, 0.02, -0.05) + _CIRCLE * (0.22 * pixels), skin * 0.78, 3e-5)
            eye = joints[1 if side > 0 else 2] - bodies.head[index]
            if eye[2] > 0.2 * size:
                place = spot(side * 0.4, -0.2, 0.88)
                squeeze = np.array([0.55 + 0.45 * max(forward[2], 0), 1.0])
                if pixels > 4:
                    add(place + _CIRCLE * squeeze * (0.2 * pixels), _EYE_WHITE, 4e-5)
                    brow = place - along * (0.27 * pixels)
                    brow = brow + (_CIRCLE * [0.26, 0.07]) @ frame
                    add(brow, hair * 0.6, 4e-5)
                    if wear.glasses[index]:
                        add(place + _CIRCLE * squeeze * (0.29 * pixels), _DARK, 3.5e-5)
                pupil = max(0.13 * pixels, 0.4)
                add(place + _CIRCLE * squeeze * pupil, _DARK, 5e-5)
        if forward[2] > -0.05:
            lips = np.array([spot(x, y, 0.8) for x, y in ((-0.27, 0.5), (0.27, 0.5), (0, 0.62))])
            if forward[2] > 0.15:
                add(lips, _LIPS * (skin / 235), 4e-5)
            bridge = [spot(0, -0.1, 0.95), spot(0.15, 0.22, 0.95), spot(0, 0.18, 1.2)]
            bridge.append(spot(-0.15, 0.22, 0.95))
            add(_hull(np.array(bridge)), skin * 0.66, 6e-5)
        return shapes
