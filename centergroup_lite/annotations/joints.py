"""Checks and repairs of the joints of people, for the whole file at once."""

from __future__ import annotations

import numpy as np

from .report import Annotations
from .values import is_number


def check_joints(
    found: Annotations, people: list[dict], number: int | None
) -> list[np.ndarray | None]:
    """Check the joints of all people, and repair them in place.

    Args:
        found: gets problems and repairs.
        people: annotations whose image and id are good.
        number: K, or None if the file does not say it.

    Returns:
        for each person [K] visibilities; None if there is a problem.
    """
    size = 3 * (number or 0)
    visible: list[np.ndarray | None] = [None] * len(people)
    rows, places = [], []
    for index, entry in enumerate(people):
        joints = entry.get('keypoints')
        if joints is None or joints == []:
            joints = entry['keypoints'] = [0] * size
            found.repairs['keypoints missing, taken as not labeled'] += 1
        if not isinstance(joints, list):
            what = f'keypoints is {joints!r:.40}, not a list'
            found.blame(entry, what, 'write x, y and visibility of each joint')
        elif number and len(joints) == 2 * number and size:
            places.append(index)
            rows.append(_with_visibilities(found, entry))
        elif len(joints) != size:
            what = f'{len(joints)} numbers in keypoints, {number} joints have {size}'
            found.blame(entry, what, 'write x, y and visibility of each joint')
        else:
            places.append(index)
            rows.append(joints)
    for index, joints in zip(places, _to_array(rows), strict=True):
        if joints is not None:
            visible[index] = joints[:, 2]
            continue
        found.blame(people[index], *_joint_problem(people[index]['keypoints']))
    return visible


def _with_visibilities(found: Annotations, entry: dict) -> list:
    """Joints of which only x and y are given, with COCO's visibilities."""
    flat = entry['keypoints']
    found.repairs['visibilities missing, (0, 0) is not labeled and the rest visible'] += 1
    joints = []
    for x, y in zip(flat[::2], flat[1::2], strict=True):
        joints += [x, y, 0 if x == 0 and y == 0 else 2]
    entry['keypoints'] = joints
    return joints


def _to_array(rows: list[list]) -> list[np.ndarray | None]:
    """Joints [K x 3] of each row; None where a value is no finite number or no visibility."""
    if not rows:
        return []
    try:
        values = np.array(rows)
    except ValueError:  # lists inside of the lists
        values = np.array(None)
    if values.ndim == 2 and values.dtype.kind in 'if':
        with np.errstate(invalid='ignore'):
            flags = values[:, 2::3]
            good = (np.abs(values) < 2.0**24).all(1)
            good &= ((flags == 0) | (flags == 1) | (flags == 2)).all(1)
        table = values.reshape(len(rows), -1, 3)
        return [joints if fine else None for joints, fine in zip(table, good, strict=True)]
    good = np.array([_joint_problem(row) is None for row in rows])
    return [
        np.array(row, dtype=float).reshape(-1, 3) if fine else None
        for row, fine in zip(rows, good, strict=True)
    ]


def _joint_problem(flat: list) -> tuple[str, str] | None:
    """Fault and remedy of the first wrong joint."""
    for index in range(0, len(flat), 3):
        for name, value in zip(('x', 'y'), flat[index : index + 2], strict=True):
            if not is_number(value):
                what = f'{name} of joint {index // 3} is {value!r:.40}'
                return what, 'correct it, or write 0, 0, 0 for a joint that is not labeled'
        flag = flat[index + 2]
        if not is_number(flag) or flag not in (0, 1, 2):
            what = f'visibility of joint {index // 3} is {flag!r:.40}'
            return what, 'write 0 (not labeled), 1 (hidden) or 2 (visible)'
    return None
