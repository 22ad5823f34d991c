"""Checks of single values of an annotation file."""

from __future__ import annotations

import math
from typing import Any

#: larger numbers are no coordinates: float32, in which models compute, has no fractions there
LARGEST = 2.0**24


def is_id(value: Any) -> bool:
    """Say whether a value can be an id: COCO's are whole numbers."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Say whether a value is a finite number of a size that coordinates and areas have."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and abs(value) < LARGEST


def id_problem(name: str, value: Any) -> tuple[str, str]:
    """Fault and remedy of an id that is none."""
    if value is None:
        return f'{name} is missing', 'add it, a whole number'
    kind = 'text' if isinstance(value, str) else f'a {type(value).__name__}'
    return f'{name} {value!r:.40} is {kind}', "COCO's ids are whole numbers: number them"
