"""Run a case in a fork of this process, in bounded time and memory."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from centergroup_mm.utils.errors import UserError

from .outcome import Case, Outcome, SilentlyWrong

#: seconds and bytes that a case may take
SECONDS = 60.0
BYTES = 4 * 2**30
#: how torch, numpy, Python and OpenCV say that there is not enough memory
NO_MEMORY = ("can't allocate memory", 'Unable to allocate', 'MemoryError', 'Insufficient memory')


def run_case(kind: str, case: Case) -> Outcome:
    """Run a case in a child process and say what became of it."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, 'case')
        place.mkdir()
        child = os.fork()
        if child == 0:
            _be_child(case, place, Path(folder))
        status, memory = _wait(child, started + SECONDS)
        seconds = time.monotonic() - started
        report = Path(folder, 'report')
        if status is None:
            result, text = 'hang', f'no end after {SECONDS:g} s'
        elif not report.is_file():
            result, text = 'traceback', f'the process ended with {status}'
        else:
            result, text = json.loads(report.read_text())
        if result == 'traceback' and any(word in text for word in NO_MEMORY):
            result = 'memory'
    if result == 'one line' and case.names and not any(name in text for name in case.names):
        result = 'unnamed'
    if result == 'one line' and case.good:
        result = 'refused'
    return Outcome(kind, case.name, result, text, seconds, memory)


def _be_child(case: Case, place: Path, folder: Path) -> None:
    """Run the case, write what became of it, and end."""
    os.setsid()  # what it starts ends with it
    faulthandler.disable()  # an abort is an outcome, and not the end of the tests
    size = _pages('/proc/self/statm', 0)
    resource.setrlimit(resource.RLIMIT_AS, (size + BYTES, size + BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for stream in (1, 2):
        descriptor = os.open(folder / f'stream_{stream}', os.O_RDWR | os.O_CREAT)
        os.dup2(descriptor, stream)
    sys.stdout = os.fdopen(1, 'w', closefd=False)
    sys.stderr = os.fdopen(2, 'w', closefd=False)
    os.chdir(place)
    report: tuple[str, str]
    try:
        case.run(place)
        report = ('sound', '')
    except UserError as error:
        text = str(error)
        report = ('traceback', text) if 'Traceback' in text else ('one line', text)
    except SilentlyWrong as error:
        report = ('silent', str(error))
    except BaseException:
        report = ('traceback', traceback.format_exc())
    Path(folder, 'partial').write_text(json.dumps(report))
    os.replace(folder / 'partial', folder / 'report')
    os._exit(0)


def _pages(path: str, field: int) -> int:
    """A size in bytes, of a file that counts pages."""
    return int(Path(path).read_text().split()[field]) * resource.getpagesize()


def _wait(child: int, end: float) -> tuple[int | None, float]:
    """Wait for a child, and end it when its time is over.

    Returns:
        its exit status, None if it had to be ended, and its largest memory beyond the present one
        of this process, in megabytes.
    """
    own = _pages('/proc/self/statm', 1) // 1024
    pause = 0.001
    while True:
        found, status, usage = os.wait4(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), max(0, usage.ru_maxrss - own) / 1024
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            _, _, usage = os.wait4(child, 0)
            return None, max(0, usage.ru_maxrss - own) / 1024
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
