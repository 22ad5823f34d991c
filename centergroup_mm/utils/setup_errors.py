"""What goes wrong while a run is built from its config, in one line."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import SHOW, UserError, message_of


@contextmanager
def setting_up(config: str, what: str = 'cannot be set up') -> Iterator[None]:
    """Turn any error into one that names the config, what went wrong and where.

    Args:
        config: the file.
        what: the beginning of the message, after the name of the file.

    Raises:
        UserError: something was raised; a UserError passes as it is.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # a config can hand any value to any class
        raise UserError(f'{config} {what}: {describe(error)}') from error


def describe(error: Exception) -> str:
    """Say in one line what was raised, by which line of code, and how to see more."""
    frames = traceback.extract_tb(error.__traceback__)
    place = ''
    if frames:
        path = Path(frames[-1].filename)
        place = f', in {"/".join(path.parts[-2:])}, line {frames[-1].lineno}'
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f'no space left on the disk of {error.filename or "the work dir"}'
    text = ' '.join(message_of(error).split())[-300:] or 'no message'
    return f'{type(error).__name__}: {text}{place}; {SHOW}=1 shows all of it'
