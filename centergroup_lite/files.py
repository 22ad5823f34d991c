"""Writing files completely or not at all, and not over existing files unless the user asks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError

#: a disk with less than so many free bytes is full
NO_SPACE = 2**16


def check_target(path: str | Path, overwrite: bool) -> None:
    """Raise a UserError, before any work, if a file cannot be written here.

    Args:
        path: the file to write.
        overwrite: whether a file that is there may be replaced.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f'{path} is a folder: name the file to write')
    if path.exists() and not overwrite:
        raise UserError(f'{path} exists: choose another name or pass --overwrite')


def check_writable(path: str | Path) -> None:
    """Raise a UserError, before any work, if no file can be made in the folder of a file."""
    check_folder(str(path), Path(path).parent)


def check_folder(name: str, folder: str | Path) -> None:
    """Make a folder, or raise a UserError if it cannot be made or written to.

    Args:
        name: what the folder is for, the beginning of the message.
        folder: the folder.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f'{name}: {folder} cannot be written: {error.strerror}') from error


@contextmanager
def write_whole(path: str | Path) -> Iterator[Path]:
    """Write a file under a temporary name and rename it at the end, so that it is never incomplete.

    If writing fails or is interrupted, a file that was at ``path`` before is unchanged.

    Args:
        path: the file to write; its folder is made.

    Yields:
        the path to write to.

    Raises:
        UserError: the file cannot be written.
    """
    path = Path(path)
    # the ending stays: OpenCV chooses the format by it
    partial = path.with_name(f'.{path.stem}.{os.getpid()}.partial{path.suffix}')
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            _flush(partial)
            os.replace(partial, path)
            _flush(path.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Turn an error of writing, which need not say of what, into one line that names the file.

    Args:
        path: the file that is written.

    Raises:
        UserError: it cannot be written.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: how torch reports a failed write
        reason = getattr(error, 'strerror', None) or ' '.join(str(error).split())
        if _is_full(Path(path).parent):  # what torch and OpenCV do not say
            reason = 'no space left on the disk'
        raise UserError(f'{path} cannot be written: {reason}') from error


def _is_full(folder: Path) -> bool:
    """Whether a folder that is there has no room for another file."""
    try:
        return shutil.disk_usage(folder).free < NO_SPACE
    except OSError:
        return False


def _flush(path: Path) -> None:
    """Wait until a file, or the list of files of a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
