"""Writing files: whole or not at all, and never over something that the user may want to keep."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError


def check_target(path: str | Path, overwrite: bool) -> None:
    """Raise a UserError if a file cannot be written here, before the work begins.

    Args:
        path: the file to write.
        overwrite: whether a file that is there may be replaced.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f'{path} is a folder: name the file to write')
    if path.exists() and not overwrite:
        raise UserError(f'{path} exists: choose another name or pass --overwrite')


@contextmanager
def write_whole(path: str | Path) -> Iterator[Path]:
    """Write a file beside its place and move it there at the end, so that no half file is left.

    Whatever goes wrong, a full disk or Ctrl-C, a file that was at ``path`` before stays as it was.

    Args:
        path: the file to write; its folder is made.

    Yields:
        the path to write to.

    Raises:
        UserError: the file cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f'.{path.name}.{os.getpid()}.partial')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: how torch reports a failed write
        reason = ' '.join(str(error).split())
        raise UserError(f'{path} cannot be written: {reason}') from error
