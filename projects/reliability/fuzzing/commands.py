"""Commands of ``centergroup`` and scripts of ``tools/`` inside of a case."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

from centergroup_lite.main import main
from centergroup_mm.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[3]


def command(*words: object) -> str:
    """Run ``centergroup WORDS`` in this process.

    Returns:
        what it printed.

    Raises:
        UserError: it ended with an error of one line.
        RuntimeError: with anything else than that.
    """
    given = list(map(str, words))
    return _judge(_caught(lambda: main(given)), given)


def script(name: str, *words: object) -> str:
    """Run ``python tools/NAME WORDS`` in this process; see :func:`command`."""
    path = str(ROOT / 'tools' / name)
    sys.argv = [path, *map(str, words)]
    return _judge(_caught(lambda: runpy.run_path(path, run_name='__main__')), sys.argv)


def process(*words: object) -> str:
    """Run ``python -m centergroup_lite WORDS`` as a process of its own; see :func:`command`."""
    given = list(map(str, words))
    done = subprocess.run(
        [sys.executable, '-m', 'centergroup_lite', *given],
        stdout=sys.stdout.fileno(),
        stderr=sys.stderr.fileno(),
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        check=False,
    )
    return _judge(done.returncode, given)


def _caught(call) -> int:
    """Exit status of a call that may leave through SystemExit."""
    try:
        status = call()
    except SystemExit as end:
        status = end.code
    return int(status) if isinstance(status, int) else 0


def _judge(status: int, words: list[str]) -> str:
    """Turn status and output into a return or an exception."""
    printed = [_printed(stream) for stream in (1, 2)]
    if 'Traceback (most recent call last)' in ''.join(printed):
        raise RuntimeError(f'{words}: {"".join(printed)[-3000:]}')
    if status == 0:
        return printed[0]
    lines = [line for line in printed[1].splitlines() if 'error: ' in line]
    if status != 2 or not lines or lines[-1] != printed[1].splitlines()[-1]:
        raise RuntimeError(f'{words} ended with {status}: {"".join(printed)[-3000:]}')
    raise UserError(lines[-1])


def _printed(stream: int) -> str:
    for file in (sys.stdout, sys.stderr):
        file.flush()
    return Path(f'/proc/self/fd/{stream}').resolve().read_text(errors='replace')
