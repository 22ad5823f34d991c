"""Virtual environments with chosen versions of Python, torch and mmcv, set up as users do it.

Only the standard library is needed: nothing of this is installed where the command starts.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from centergroup_lite.errors import UserError  # noqa: E402

SETUP = ROOT / 'tools' / 'setup_env.py'
WORDS = ('oldest', 'newest', 'pinned')
MMCV = ('mmcv-lite', 'mmcv')
#: whose versions a result names
NAMED = ('torch', 'mmengine', 'mmcv', 'mmcv-lite', 'mmdet', 'mmpose', 'numpy')


class NotInstalled(Exception):
    """An environment cannot be made; the message is one line that says why."""


@dataclass(frozen=True)
class Combination:
    """Versions that are installed together.

    Args:
        python: such as ``'3.11'``.
        torch: a version, or its beginning; ``'oldest'`` that setup.cfg admits, ``'newest'`` that
            pip finds, or ``'pinned'`` in requirements/pins.txt.
        mmcv: ``'mmcv-lite'``, or ``'mmcv'`` with compiled operators.
    """

    python: str
    torch: str
    mmcv: str

    def __str__(self) -> str:
        return '/'.join((self.python, self.torch, self.mmcv))

    @property
    def name(self) -> str:
        """For files."""
        return f'python{self.python}_torch-{self.torch}_{self.mmcv}'


def parse(text: str) -> Combination:
    """Read ``PYTHON/TORCH/MMCV``."""
    parts = text.split('/')
    number = r'\d+(\.\d+){1,2}'
    if (
        len(parts) != 3
        or not re.fullmatch(r'3\.\d+', parts[0])
        or not (parts[1] in WORDS or re.fullmatch(number, parts[1]))
        or parts[2] not in MMCV
    ):
        raise UserError(
            f'{text} is no combination: PYTHON/TORCH/MMCV as in 3.11/2.6/mmcv-lite; TORCH may be '
            f'{", ".join(WORDS)}, MMCV is {" or ".join(MMCV)}'
        )
    return Combination(*parts)


def find_python(version: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Find an interpreter that can make virtual environments, on PATH or among those of pyenv.

    Args:
        version: such as ``'3.11'``.
        environment: variables.

    Returns:
        its path; None if there is none.
    """
    pyenv = Path(environment.get('PYENV_ROOT') or Path(environment.get('HOME', '/'), '.pyenv'))
    places = [str(path) for path in pyenv.glob(f'versions/{version}*/bin/python{version}')]
    on_path = shutil.which(f'python{version}', path=environment.get('PATH'))
    for python in [*([on_path] if on_path else []), *sorted(places)]:
        # a name can be there without running, as pyenv's shims are
        code = (
            f'import ensurepip, sys, venv; sys.exit("%d.%d" % sys.version_info[:2] != "{version}")'
        )
        if subprocess.run([python, '-c', code], capture_output=True, check=False).returncode == 0:
            return python
    return None


def torch_requirement(combination: Combination) -> str | None:
    """What pip installs before the rest; None if the set-up chooses."""
    if combination.torch == 'pinned':
        return None
    if combination.torch == 'newest':
        return 'torch'
    version = combination.torch
    if version == 'oldest':
        found = re.search(r'^\s+torch>=([\d.]+)$', (ROOT / 'setup.cfg').read_text(), re.MULTILINE)
        assert found, 'setup.cfg says which torch is the oldest'
        version = found[1]
    return f'torch=={version}' if version.count('.') == 2 else f'torch=={version}.*'


class Environment:
    """A virtual environment that is made for one combination.

    Args:
        combination: what belongs in it.
        folder: where it is made; what is there is replaced.
        log: file that gets what pip says.
        build_minutes: how long the compilation of mmcv may take.
    """

    def __init__(
        self, combination: Combination, folder: Path, log: Path, build_minutes: float
    ) -> None:
        self.combination, self.folder, self.log = combination, folder.resolve(), log
        self.build_minutes = build_minutes
        self.python = str(self.folder / 'bin' / 'python')
        kept = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
        path = os.pathsep.join([str(self.folder / 'bin'), os.environ.get('PATH', '')])
        self.variables = {**kept, 'VIRTUAL_ENV': str(self.folder), 'PATH': path}

    def make(self, base: str) -> None:
        """Install the chosen torch and mmcv, then let the set-up of ``make setup`` add the rest.

        Args:
            base: the interpreter.
        """
        self.log.write_text('')
        upgrade = ['--clear', '--upgrade-deps']
        self.run([base, '-m', 'venv', *upgrade, str(self.folder)], 'venv')
        torch = torch_requirement(self.combination)
        setup = runpy.run_path(str(SETUP))
        pins = setup['missing'](setup['PINS'], {})
        numpy, *tools = (
            next(line for line in pins if setup['name_of'](line) == name)
            for name in ('numpy', 'setuptools', 'wheel')
        )
        if torch:
            self.pip(torch, numpy)
        if self.combination.mmcv == 'mmcv':
            self.pip(*([] if torch else [line for line in pins if line.startswith('torch=')]))
            self.pip(*tools)
            lines = setup['missing'](setup['OPENMMLAB'], {})
            lite = next(line for line in lines if setup['name_of'](line) == 'mmcv-lite')
            limit = 60 * self.build_minutes
            flags = ['--no-deps', '--no-build-isolation']
            self.pip(*flags, lite.replace('mmcv-lite', 'mmcv'), limit=limit)
        self.run([self.python, str(SETUP)], 'tools/setup_env.py')
        if self.combination.mmcv == 'mmcv':
            self.run([self.python, '-c', 'import torch, mmcv._ext'], 'mmcv has no operators')

    def pip(self, *words: str, limit: float | None = None) -> None:
        """Install something."""
        if words:
            command = [self.python, '-m', 'pip', '--disable-pip-version-check', 'install', *words]
            self.run(command, f'pip install {words[-1]}', limit)

    def run(self, command: list[str], what: str, limit: float | None = None) -> None:
        """Run a command with its output in the log, or raise NotInstalled with its last error.

        Args:
            command: what is run.
            what: it is, for the message.
            limit: seconds, if there is one.
        """
        before = len(self.log.read_text(errors='replace'))
        variables = {**self.variables, 'MMCV_WITH_OPS': '1'}
        with self.log.open('a') as log:
            log.write(f'\n$ {" ".join(command)}\n')
            log.flush()
            process = subprocess.Popen(
                command, cwd=ROOT, env=variables, stdout=log, stderr=log, start_new_session=True
            )
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                stop(process)
                raise NotInstalled(f'{what} took more than {limit or 0:.0f} s') from None
            except BaseException:
                stop(process)
                raise
        if process.returncode:
            raise NotInstalled(
                f'{what}: {last_error(self.log.read_text(errors="replace")[before:])}'
            )

    def versions(self) -> dict[str, str]:
        """Versions of Python and of what matters here."""
        names = f'{NAMED!r}'
        code = (
            'import json, platform, importlib.metadata as m\n'
            "found = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
            f'kept = {{name: found[name] for name in {names} if name in found}}\n'
            "print(json.dumps({'python': platform.python_version(), **kept}))"
        )
        done = subprocess.run([self.python, '-c', code], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def remove(self) -> None:
        """Give the disk back."""
        shutil.rmtree(self.folder, ignore_errors=True)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process with those that it has started, such as compilers."""
    os.killpg(process.pid, 9)
    process.wait()


def last_error(printed: str) -> str:
    """The line that tells most about a failure: the last that begins with ``error``."""
    lines = [' '.join(line.split()) for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r'(ERROR|error|\w*Error)\b', line)]
    return (errors or lines or ['it says nothing'])[-1][:200]
