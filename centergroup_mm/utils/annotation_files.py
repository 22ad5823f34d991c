"""Annotation files of a run: checked before it starts, and read by its datasets and metrics."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from centergroup_lite.annotations import Annotations, read_annotations

from .errors import UserError

#: files that were read for a check and wait for the dataset that will use them
_waiting: dict[tuple, Annotations] = {}


def check_file(
    path: str | Path,
    num_keypoints: int | None = None,
    images: str | Path | None = None,
    need_people: bool = False,
    keep: bool = False,
    **reading: Any,
) -> Annotations:
    """Read and check an annotation file before a run.

    Args:
        path, num_keypoints, images, need_people: see
            :func:`centergroup_lite.annotations.read_annotations`.
        reading: other arguments of the same function.
        keep: the next :func:`load_file` of the same file gets what was read here, so that large
            files are parsed once.

    Raises:
        UserError: something is wrong that cannot be repaired without guessing.
    """
    found = read_annotations(path, num_keypoints, images, need_people=need_people, **reading)
    if found.problems:
        raise UserError(found.problem())
    if keep:
        _waiting[_key(path, num_keypoints)] = found
    return found


def load_file(path: str | Path, num_keypoints: int | None = None, **reading: Any) -> Annotations:
    """Read an annotation file for a dataset or metric, which may change the content.

    Args:
        path, num_keypoints, reading: as of :func:`check_file`.

    Raises:
        UserError: as of :func:`check_file`.
    """
    return _waiting.pop(_key(path, num_keypoints), None) or check_file(
        path, num_keypoints, **reading
    )


def _key(path: str | Path, num_keypoints: int | None) -> tuple:
    """What makes two readings the same: file, its last change, and the number of keypoints."""
    try:
        state = os.stat(path)
    except OSError:
        return (os.path.abspath(path), num_keypoints)
    return (os.path.abspath(path), state.st_mtime_ns, state.st_size, num_keypoints)
