"""Articulated people: sampled joint angles, forward kinematics, projection.

Axis legend:

- person number: N
- joint number: J (19: the 17 COCO joints, then ``top_head`` and ``neck``)

Body frame, in units of the standing height of the person: x to the person's left, y down, z
forward. With a yaw of 0 the person faces the camera, so that the person's left lies at the right
of the image; with a yaw of 180 degrees one sees the back and the left lies at the left.
"""

from dataclasses import dataclass

import numpy as np

COCO_JOINTS = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
    'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip',
    'left_knee', 'right_knee', 'left_ankle', 'right_ankle',
)  # fmt: skip
COCO_LINKS = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
    (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip
CROWDPOSE_JOINTS = (
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist',
    'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle', 'top_head',
    'neck',
)  # fmt: skip
CROWDPOSE_LINKS = (
    (10, 8), (8, 6), (11, 9), (9, 7), (6, 7), (0, 6), (1, 7), (0, 1), (0, 2), (1, 3), (2, 4),
    (3, 5), (12, 13), (13, 0), (13, 1),
)  # fmt: skip
ALL_JOINTS = COCO_JOINTS + ('top_head', 'neck')
CROWDPOSE_FROM_ALL = np.array([ALL_JOINTS.index(name) for name in CROWDPOSE_JOINTS])

# Segment lengths as fractions of the standing height (rounded anthropometric means; the head is a
# little larger than life, so that faces can be told at small sizes).
UPPER_ARM, FOREARM, HAND = 0.165, 0.145, 0.05
THIGH, SHIN, FOOT = 0.245, 0.235, 0.085
SPINE, SHOULDER_HALF, HIP_HALF = 0.295, 0.108, 0.062
HEAD_RADIUS = 0.072

# Degrees. Columns: trunk lean and side bend; then for the left and the right arm abduction,
# flexion, elbow, inward turn; then for the left and the right leg hip flexion, abduction, knee.
_POSES = {
    'stand': (2, 0, 10, 3, 12, 20, 10, 3, 12, 20, 0, 5, 3, 0, 5, 3),
    'walk': (5, 0, 8, 32, 25, 15, 8, -28, 15, 15, -20, 3, 12, 28, 3, 8),
    'run': (14, 0, 12, 50, 85, 20, 12, -45, 85, 20, -22, 3, 60, 55, 3, 45),
    'wave': (2, 4, 12, 3, 12, 20, 115, 10, 70, 30, 0, 6, 3, 0, 6, 3),
    'cheer': (-3, 0, 145, 5, 25, 20, 145, 5, 25, 20, 0, 9, 5, 0, 9, 5),
    'reach': (8, 0, 12, 85, 15, 10, 12, 5, 20, 15, 5, 5, 5, -5, 5, 5),
    'spread': (0, 0, 85, 0, 8, 0, 85, 0, 8, 0, 0, 14, 3, 0, 14, 3),
    'hips': (0, 0, 42, -12, 95, 88, 42, -12, 95, 88, 0, 9, 3, 0, 9, 3),
    'crossed': (0, 0, 10, 28, 105, 60, 10, 28, 105, 60, 0, 5, 3, 0, 5, 3),
    'phone': (4, 0, 12, 8, 15, 20, 18, 30, 135, 10, 0, 5, 3, 5, 5, 8),
    'sit': (6, 0, 12, 25, 50, 25, 12, 25, 50, 25, 80, 10, 80, 80, 10, 80),
    'squat': (28, 0, 18, 55, 35, 25, 18, 55, 35, 25, 95, 18, 115, 95, 18, 115),
    'bend': (62, 0, 10, 60, 15, 10, 10, 60, 15, 10, 8, 6, 10, 8, 6, 10),
    'kick': (-8, 0, 45, 15, 20, 10, 50, 5, 20, 10, 65, 8, 20, -8, 6, 8),
    'lunge': (10, 0, 40, 25, 30, 10, 25, 30, 50, 20, 60, 8, 65, -28, 6, 25),
}
POSE_NAMES = tuple(_POSES)
_POSE_TABLE = np.array([_POSES[name] for name in POSE_NAMES], dtype=np.float64)
_POSE_WEIGHTS = np.array([22, 18, 6, 7, 5, 8, 4, 6, 5, 5, 6, 2, 2, 3, 3], dtype=np.float64)
_POSE_WEIGHTS /= _POSE_WEIGHTS.sum()
_NOISE = np.array([5, 4] + [10, 14, 16, 18] * 2 + [9, 4, 8] * 2, dtype=np.float64)
_LOW = np.array([-20, -22] + [-5, -50, 0, -30] * 2 + [-30, -5, 0] * 2, dtype=np.float64)
_HIGH = np.array([80, 22] + [160, 165, 145, 95] * 2 + [115, 45, 135] * 2, dtype=np.float64)
_SWAP = np.array([0, 1, 6, 7, 8, 9, 2, 3, 4, 5, 13, 14, 15, 10, 11, 12])


@dataclass
class Bodies:
    """Posed people in the camera frame: x right, y down, z towards the camera, person heights.

    Attributes:
        joints: [N, 19, 3], the pelvis at the origin.
        hands, toes, heels: [N, 2, 3], left then right.
        head: [N, 3], the middle of the head.
        head_axes: [N, 3, 3], columns: left, down and forward of the head.
        head_radius: [N].
        trunk: [N, 3, 3], columns: left, down and forward of the chest.
        pelvis: [N, 3, 3], columns: left, down and forward of the pelvis.
        girth: [N], thickness of trunk and limbs, 1 on average.
        yaw: [N], degrees, 0 faces the camera.
    """

    joints: np.ndarray
    hands: np.ndarray
    toes: np.ndarray
    heels: np.ndarray
    head: np.ndarray
    head_axes: np.ndarray
    head_radius: np.ndarray
    trunk: np.ndarray
    pelvis: np.ndarray
    girth: np.ndarray
    yaw: np.ndarray


def _rotation(axis: int, degrees: np.ndarray) -> np.ndarray:
    """Rotations [N, 3, 3] about one coordinate axis (0: x, 1: y, 2: z)."""
    radians = np.deg2rad(degrees)
    matrix = np.zeros((len(radians), 3, 3))
    first, second = [(1, 2), (2, 0), (0, 1)][axis]
    matrix[:, axis, axis] = 1
    matrix[:, first, first] = matrix[:, second, second] = np.cos(radians)
    matrix[:, second, first] = np.sin(radians)
    matrix[:, first, second] = -np.sin(radians)
    return matrix


def _apply(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """[N, 3, 3] times [N, 3] (or [3]) -> [N, 3]."""
    return np.einsum('nij,nj->ni', matrix, np.broadcast_to(vectors, (len(matrix), 3)))


def _swing(abduction: np.ndarray, flexion: np.ndarray, side: int) -> np.ndarray:
    """Direction [N, 3] of a limb that hangs down at rest; ``side`` is 1 left, -1 right."""
    return np.stack(
        (
            side * np.sin(abduction),
            np.cos(abduction) * np.cos(flexion),
            np.cos(abduction) * np.sin(flexion),
        ),
        axis=1,
    )


def sample_angles(rng: np.random.Generator, number: int) -> np.ndarray:
    """Joint angles [N, 16] in degrees within the limits of the human body."""
    angles = _POSE_TABLE[rng.choice(len(_POSE_TABLE), number, p=_POSE_WEIGHTS)].copy()
    mirrored = rng.random(number) < 0.5
    angles[mirrored] = angles[mirrored][:, _SWAP]
    # A tenth of the people move far from the template, to cover poses nobody listed.
    unusual = np.where(rng.random(number) < 0.1, 2.2, 1.0)
    angles += rng.normal(size=angles.shape) * _NOISE * unusual[:, None]
    return np.clip(angles, _LOW, _HIGH)


def sample_yaw(rng: np.random.Generator, number: int) -> np.ndarray:
    """View angles [N] in degrees: half frontal, a quarter from the back, a quarter sideways."""
    kind = rng.random(number)
    center = np.where(kind < 0.5, 0.0, np.where(kind < 0.76, 180.0, rng.choice([-80, 80], number)))
    return center + rng.uniform(-38, 38, number)


def pose_bodies(
    rng: np.random.Generator,
    number: int,
    yaw: np.ndarray | None = None,
    angles: np.ndarray | None = None,
) -> Bodies:
    """Sample and pose ``number`` people.

    Args:
        rng: source of randomness.
        number: N.
        yaw: [N] view angles in degrees; sampled if None.
        angles: [N, 16] joint angles in degrees; sampled if None.

    Returns:
        the people, pelvis at the origin, in units of their standing height.
    """
    yaw = sample_yaw(rng, number) if yaw is None else np.asarray(yaw, dtype=np.float64)
    angles = sample_angles(rng, number) if angles is None else np.asarray(angles, np.float64)
    child = rng.random(number) < 0.12
    girth = rng.uniform(0.85, 1.2, number)
    head_radius = HEAD_RADIUS * rng.uniform(0.95, 1.08, number) * np.where(child, 1.3, 1.0)

    # The camera looks down by up to 15 degrees; a few people are tilted as a whole.
    tilt = rng.uniform(-3, 15, number)
    roll = rng.normal(size=number) * np.where(rng.random(number) < 0.06, 45, 3)
    pelvis = _rotation(0, -tilt) @ _rotation(2, roll) @ _rotation(1, yaw)
    lean, bend = angles[:, 0], angles[:, 1]
    twist = rng.normal(size=number) * 8
    trunk = pelvis @ _rotation(0, -lean) @ _rotation(2, bend) @ _rotation(1, twist)
    nod = np.clip(rng.normal(size=number) * 9 - 0.5 * lean, -45, 25)
    turn = np.clip(rng.normal(size=number) * 18, -60, 60)
    head_axes = trunk @ _rotation(1, turn) @ _rotation(0, -nod)

    joints = np.zeros((number, len(ALL_JOINTS), 3))
    hands, toes, heels = (np.zeros((number, 2, 3)) for _ in range(3))
    neck = _apply(trunk, np.array([0, -SPINE - 0.025, 0.0]))
    head = (
        neck
        + _apply(head_axes, np.array([0, -0.048, 0.012]))
        - head_axes[:, :, 1] * (head_radius[:, None] * 0.95)
    )
    radius = head_radius[:, None]
    joints[:, 0] = head + _apply(head_axes, np.array([0, 0.12, 1.05])) * radius
    for index, side in enumerate((1, -1)):
        eye, ear = np.array([side * 0.4, -0.2, 0.88]), np.array([side * 1.0, 0.02, -0.05])
        joints[:, 1 + index] = head + _apply(head_axes, eye) * radius
        joints[:, 3 + index] = head + _apply(head_axes, ear) * radius
        arm, leg = 2 + 4 * index, 10 + 3 * index
        abduction, flexion, elbow, inward = np.deg2rad(angles[:, arm : arm + 4]).T
        upper = _swing(abduction, flexion, side)
        zero = np.zeros(number)
        front = np.stack((zero, -np.sin(flexion), np.cos(flexion)), axis=1)
        medial = -np.stack(
            (
                side * np.cos(abduction),
                -np.sin(abduction) * np.cos(flexion),
                -np.sin(abduction) * np.sin(flexion),
            ),
            axis=1,
        )
        fold = np.cos(inward)[:, None] * front + np.sin(inward)[:, None] * medial
        lower = np.cos(elbow)[:, None] * upper + np.sin(elbow)[:, None] * fold
        shoulder = np.array([side * SHOULDER_HALF, -SPINE, 0.0])
        joints[:, 5 + index] = _apply(trunk, shoulder)
        joints[:, 7 + index] = joints[:, 5 + index] + _apply(trunk, upper) * UPPER_ARM
        joints[:, 9 + index] = joints[:, 7 + index] + _apply(trunk, lower) * FOREARM
        hands[:, index] = joints[:, 9 + index] + _apply(trunk, lower) * HAND

        hip_flexion, hip_abduction, knee = np.deg2rad(angles[:, leg : leg + 3]).T
        joints[:, 11 + index] = _apply(pelvis, np.array([side * HIP_HALF, 0.0, 0.0]))
        thigh = _apply(pelvis, _swing(hip_abduction, hip_flexion, side))
        shin = _apply(pelvis, _swing(hip_abduction * 0.6, hip_flexion - knee, side))
        joints[:, 13 + index] = joints[:, 11 + index] + thigh * THIGH
        joints[:, 15 + index] = joints[:, 13 + index] + shin * SHIN
        pitch = hip_flexion - knee + np.deg2rad(78)
        foot = _apply(pelvis, _swing(np.full(number, np.deg2rad(8)), pitch, side))
        toes[:, index] = joints[:, 15 + index] + foot * FOOT + shin * 0.03
        heels[:, index] = joints[:, 15 + index] - foot * 0.02 + shin * 0.03
    joints[:, 17] = head - head_axes[:, :, 1] * radius * 1.02
    joints[:, 18] = neck
    return Bodies(
        joints, hands, toes, heels, head, head_axes, head_radius, trunk, pelvis, girth, yaw
    )
