"""Tools in processes of their own, which need not import torch and mmpose anew each time.

Importing them takes longer than most of what the tests let tools do. So one process imports them
(the fork server of multiprocessing), and each call of a tool is a fork of it.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import runpy
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: seconds after which a call counts as hanging
TIMEOUT = 300

_context = multiprocessing.get_context('forkserver')
# what an optimizer, an inferencer and a visualizer import when they are made
_context.set_forkserver_preload([
    'torch._dynamo', 'centergroup_mm', 'mmpose.apis', 'mmpose.engine', 'matplotlib.pyplot',
])  # fmt: skip


@dataclass
class Done:
    """What a call left: its exit status, output and error output."""

    status: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """Everything that was printed."""
        return self.out + self.err


class Call:
    """``python SCRIPT ARGUMENTS`` that runs; several may run at the same time.

    Args:
        script: path of a file, absolute or relative to the repository, or ``-m MODULE``.
        arguments: of the command line.
        cwd: folder to run in.
        env: variables to set. PYTHONPATH is the repository.
        largest_file: bytes of the largest file that it can write, see ``full_disk.py``; None: any.
    """

    def __init__(
        self,
        script: str,
        *arguments: object,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        largest_file: int | None = None,
    ) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.printed = [Path(self.folder.name, name) for name in ('out', 'err')]
        environment = {**os.environ, 'PYTHONPATH': str(ROOT), **(env or {})}
        given = (script, list(map(str, arguments)), str(cwd), environment, self.printed)
        self.process = _context.Process(target=_run, args=(*given, largest_file))
        self.process.start()

    def wait(self) -> Done:
        """Wait for the end."""
        self.process.join(TIMEOUT)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        texts = [path.read_text(errors='replace') for path in self.printed]
        self.folder.cleanup()
        return Done(self.process.exitcode, *texts)


def start_two(script: str, *arguments: object, cwd: Path) -> list[Call]:
    """Start a tool as two processes that train together, with the variables that torchrun sets."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    shared = dict(WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    ranks = [{**shared, 'RANK': str(rank), 'LOCAL_RANK': str(rank)} for rank in range(2)]
    return [Call(script, *arguments, cwd=cwd, env=rank) for rank in ranks]


def last_error(output: str) -> str:
    """Return the one line that a tool ends with, and check that there is no traceback."""
    assert 'Traceback' not in output, output
    line = output.strip().splitlines()[-1]
    assert line.startswith('error: '), output
    return line


def refused(result: tuple[int, str], *words: str) -> bool:
    """Whether a call ended in one line that has these words.

    Args:
        result: exit status and what was printed.
        words: of the line.
    """
    line = result[1].strip().splitlines()[-1]
    return result[0] == 2 and 'Traceback' not in result[1] and all(word in line for word in words)


def run_tool(script: str, *arguments: object, cwd: Path, **how: Any) -> Done:
    """Run ``python SCRIPT ARGUMENTS`` to its end; see :class:`Call`."""
    return Call(script, *arguments, cwd=cwd, **how).wait()


def _run(
    script: str,
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    printed: list[Path],
    largest_file: int | None,
) -> None:
    """Become the command: its streams, variables, folder and paths; what the fork does."""
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    for stream, path in enumerate(printed, 1):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    multiprocessing.set_start_method(None, force=True)  # of the tool's own processes
    module = script.removeprefix('-m ')
    path = str(ROOT / script)
    installed = [entry for entry in sys.path if entry.startswith((sys.prefix, sys.base_prefix))]
    first = cwd if module != script else os.path.dirname(path)
    sys.path[:] = [first, *environment['PYTHONPATH'].split(os.pathsep), *installed]
    sys.argv[:] = [path, *arguments]
    if module != script:
        runpy.run_module(module, run_name='__main__', alter_sys=True)
    else:
        runpy.run_path(path, run_name='__main__')
