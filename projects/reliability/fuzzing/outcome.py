"""What a case can come to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

#: what may become of a case, and what must not
GOOD = ('sound', 'one line')
BAD = ('refused', 'unnamed', 'silent', 'hang', 'memory', 'traceback')
MEANING = {
    'sound': 'the right result',
    'one line': 'one line that names the file or the setting',
    'refused': 'one line, though the input is usable',
    'unnamed': 'one line that names neither',
    'silent': 'a wrong result, and nothing is said',
    'hang': 'no end in the time allowed',
    'memory': 'more memory than allowed',
    'traceback': 'an error from the depths, or a crash',
}


class SilentlyWrong(Exception):
    """A result that cannot be right was given out as if it were."""


class Case(NamedTuple):
    """One damaged input.

    ====== =====================================================================================
    name   what was damaged and how
    run    gets an empty folder; returns if the result is right, raises SilentlyWrong if it is not,
           and a UserError for one line
    names  what the line has to hold, one of them; nothing: any line is fine
    good   whether a line would be wrong, because the input is usable
    ====== =====================================================================================
    """

    name: str
    run: Callable[[Path], object]
    names: tuple[str, ...] = ()
    good: bool = False


class Outcome(NamedTuple):
    """What a case came to.

    ========= ====================================================
    kind      of the input
    case      its name
    result    one of ``GOOD`` or ``BAD``
    text      the line, or what went wrong
    seconds   wall-clock time
    megabytes memory beyond that of the process before
    ========= ====================================================
    """

    kind: str
    case: str
    result: str
    text: str
    seconds: float
    megabytes: float
