"""What is there, what is missing and what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

from ..annotations import Annotations, read_annotations
from ..errors import UserError
from .sets import KnownSet, Part


def check_annotations(path: str, images: str | None, sizes: bool, max_lines: int) -> None:
    """Print what is in an annotation file.

    Args:
        path: the file.
        images: folder of its images, None to leave them out.
        sizes: also compare the sizes of all images.
        max_lines: problems to list.

    Raises:
        UserError: something is wrong.
    """
    found = read_annotations(path, images=images, sizes=sizes)
    print_findings(found, max_lines)
    if found.problems:
        number = len(found.problems)
        raise UserError(f'{path} has {number:,} {"problem" if number == 1 else "problems"}')


def print_findings(found: Annotations, max_lines: int = 20) -> None:
    """Print the problems of an annotation file, or what is in it."""
    for problem in found.problems[:max_lines]:
        print(f'{found.path}: {problem}')
    if len(found.problems) > max_lines:
        print(f'... and {len(found.problems) - max_lines:,} more, see --max-lines')
    if not found.problems:
        for part in found.summary().split('; '):
            print(f'{found.path}: {part}')


def check_set(known: KnownSet, root: str) -> None:
    """Print which parts of a published dataset are there, and where to get the others.

    Args:
        known: the dataset.
        root: its folder.

    Raises:
        UserError: parts are missing, incomplete or wrong.
    """
    good = [_check_part(part, Path(root)) for part in known.parts]
    if not all(good):
        raise UserError(
            f'{good.count(False)} of {len(good)} parts of {known.name} are missing, incomplete or '
            f'wrong in {Path(root).absolute()}'
        )


def _check_part(part: Part, root: Path) -> bool:
    """Print one line, or some, about a part; say whether it is complete."""
    path = root / part.path
    if not path.exists():
        print(f'missing     {path}: get {part.get}')
        return False
    if part.number:
        number = sum(1 for _ in os.scandir(path)) if path.is_dir() else 0
        complete = number >= part.number
        state = 'there      ' if complete else 'incomplete '
        more = '' if complete else f' of {part.number:,}: get {part.get}'
        print(f'{state} {path}: {number:,} images{more}')
        return complete
    images = root / part.images
    found = read_annotations(path, images=images if images.is_dir() else None)
    if found.problems:
        print(f'wrong       {found.problem()}')
        return False
    print(f'there       {path}: {found.summary()}')
    return True
