"""Set up the environment of `make demo` and `make test`; needs nothing but Python and pip.

    make setup                    # .venv in the repository, or the active virtual environment

A fresh .venv gets the versions of requirements/pins.txt. In an environment of the user only what
is missing is installed, and nothing that is there is replaced. A second run does nothing.

pip does the work. This script adds what pip cannot know: which distributions stand for one
another, that the OpenMMLab packages must come without their requirements, and that xtcocotools
has to be compiled where its wheel does not fit the numpy that is there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / 'requirements' / 'pins.txt'
OPENMMLAB = ROOT / 'requirements' / 'openmmlab.txt'
#: in the environment: what it was made from, and how long that took
STAMP = 'centergroup_mm_setup.json'
#: distributions that fill the place of the pinned one
ALIASES = {
    'mmcv-lite': ('mmcv', 'mmcv-full'),
    'opencv-python-headless': (
        'opencv-python',
        'opencv-contrib-python',
        'opencv-contrib-python-headless',
    ),
}
INSTALL_FAILED = 'pip could not install this, see above'
COMPILING_FAILED = (
    f'{INSTALL_FAILED}; where xtcocotools has no wheel (Python 3.12, or another numpy) it is '
    'compiled, which needs a C compiler'
)


def main() -> None:
    """Do what is not done yet, saying each step."""
    argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0]).parse_args()
    active = os.environ.get('VIRTUAL_ENV')
    env = Path(active).resolve() if active else ROOT / '.venv'
    stamp, state = env / STAMP, fingerprint()
    if stamp.is_file() and json.loads(stamp.read_text())['made_from'] == state:
        return
    started = time.time()
    python = str(env / 'bin' / 'python')
    kept: dict[str, str] = {}
    if env != ROOT / '.venv':
        say(f'using {env}; what it has is kept')
        kept = installed(python)
    elif not usable(python):
        say(f'making .venv with Python {sys.version.split()[0]}')
        command = [sys.executable, '-m', 'venv', '--clear', '--upgrade-deps', str(env)]
        run(command, 'could not make .venv')
    install_pins(python, kept)
    install_openmmlab(python, kept)
    say('installing this package, editable')
    editable = pip_install(python, '--quiet', '--no-deps', '--no-build-isolation', '-e', str(ROOT))
    run(editable, INSTALL_FAILED)
    check(python)
    seconds = round(time.time() - started, 1)
    stamp.write_text(json.dumps({'made_from': state, 'setup_seconds': seconds}))
    say(f'the environment is ready after {seconds:.0f} s')


def install_pins(python: str, kept: dict[str, str]) -> None:
    """Install the pinned libraries that are not there, and touch none that is."""
    wanted = missing(PINS, kept)
    if not wanted:
        return
    say('installing what is missing of requirements/pins.txt')
    if any(name_of(line) == 'torch' for line in wanted):
        say('torch: where only a CUDA build is offered, several GB are downloaded (Ctrl-C stops);')
        say('a smaller CPU build is taken where PIP_INDEX_URL or PIP_FIND_LINKS lead to one')
    with tempfile.TemporaryDirectory() as folder:
        todo, keep = Path(folder) / 'todo.txt', Path(folder) / 'keep.txt'
        keep.write_text(''.join(f'{name}=={version}\n' for name, version in kept.items()))
        todo.write_text('\n'.join(wanted))
        command = pip_install(python, '-r', str(todo), '-c', str(keep))
        if kept and not subprocess.run(command, check=False).returncode:
            return
        if kept:  # pip finds out before it installs anything
            say('the tested versions do not fit what is installed: taking those that do')
            numpy = [line for line in wanted if name_of(line) == 'numpy']  # see pins.txt
            todo.write_text('\n'.join([*(re.sub('==[^;]*', '', line) for line in wanted), *numpy]))
        run(command, INSTALL_FAILED)


def install_openmmlab(python: str, kept: dict[str, str]) -> None:
    """Install mmengine, mmcv, mmdet, mmpose and xtcocotools without their requirements."""
    flags = ['--no-deps', '--no-build-isolation']
    wanted = missing(OPENMMLAB, kept)
    if wanted:
        say('installing ' + ', '.join(wanted))
        run(pip_install(python, *flags, *wanted), COMPILING_FAILED)
    if succeeds([python, '-c', 'import xtcocotools.mask']):
        return
    say('xtcocotools does not fit the installed numpy: compiling it (under a minute)')
    run(pip_install(python, 'cython', 'setuptools', 'wheel'), INSTALL_FAILED)
    flags += ['--no-cache-dir', '--force-reinstall', '--no-binary', 'xtcocotools']
    source = [line for line in missing(OPENMMLAB, {}) if name_of(line) == 'xtcocotools']
    run(pip_install(python, *flags, *source), COMPILING_FAILED)


def missing(path: Path, kept: dict[str, str]) -> list[str]:
    """Return the lines of a requirement file whose place nothing fills; pip reads their markers.

    Args:
        path: the file.
        kept: what is installed, versions by normalized names.
    """
    lines = [line.partition('#')[0].strip() for line in path.read_text().splitlines()]
    wanted = [(line, name_of(line)) for line in lines if line]
    return [line for line, name in wanted if not {name, *ALIASES.get(name, ())} & set(kept)]


def name_of(requirement: str) -> str:
    """Return the normalized name of a requirement such as ``json_tricks==3.17``."""
    return re.sub(r'[-_.]+', '-', re.split(r'[^\w.-]', requirement)[0]).lower()


def installed(python: str) -> dict[str, str]:
    """Return the versions of an environment's distributions by name, this package left out."""
    command = [python, '-m', 'pip', 'list', '--format=json', '--exclude-editable']
    listing = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    found = {name_of(item['name']): item['version'] for item in json.loads(listing)}
    return {name: version for name, version in found.items() if name != 'centergroup-mm'}


def usable(python: str) -> bool:
    """Say whether .venv is there and has the version that runs this script."""
    code = f'import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})'
    return Path(python).exists() and succeeds([python, '-c', code])


def check(python: str) -> None:
    """Import the package once: it checks the versions and names the remedy."""
    code = 'import warnings; warnings.simplefilter("ignore"); import centergroup_mm'
    done = subprocess.run([python, '-c', code], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f'error: {done.stderr.strip().splitlines()[-1]}')


def fingerprint() -> str:
    """Identify what the environment was made from."""
    digest = hashlib.sha256()
    for path in (PINS, OPENMMLAB, ROOT / 'setup.cfg', Path(__file__)):
        digest.update(path.read_bytes())
    return f'{digest.hexdigest()} {sys.version.split()[0]} {ROOT}'


def pip_install(python: str, *arguments: str) -> list[str]:
    """Return the command that installs something; pip tells what it does and what goes wrong."""
    return [python, '-m', 'pip', '--disable-pip-version-check', 'install', *arguments]


def succeeds(command: list[str]) -> bool:
    """Say whether a command succeeds, whatever it prints."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run(command: list[str], complaint: str) -> None:
    """Run a command that must succeed, or end with a line that says what it was for."""
    if subprocess.run(command, check=False, cwd=ROOT).returncode:
        sys.exit(f'error: {complaint}')


def say(text: str) -> None:
    """Tell what is being done."""
    print(f'[setup] {text}', flush=True)


if __name__ == '__main__':
    main()
