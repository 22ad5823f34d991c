"""Set up the environment of `make demo` and `make test`; needs nothing but Python and pip.

    make setup                    # .venv in the repository, or the active virtual environment

A fresh .venv gets the versions of requirements/pins.txt. In an environment of the user only what
is missing is installed, and nothing that is there is replaced. A second run does nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / 'requirements' / 'pins.txt'
OPENMMLAB = ROOT / 'requirements' / 'openmmlab.txt'
#: in the environment: what it was made from, and how long that took
STAMP = 'centergroup_mm_setup.json'
#: distributions that stand for one another: any of them fills the place of the pinned one
ALIASES = {
    'mmcv-lite': ('mmcv', 'mmcv-full'),
    'opencv-python-headless': (
        'opencv-python',
        'opencv-contrib-python',
        'opencv-contrib-python-headless',
    ),
}
#: a pip that can resolve without downloading
PIP_MINIMUM = (25, 0)


class SetupError(Exception):
    """Something the user can repair; shown as one line."""


def main() -> int:
    """Set up, and turn foreseeable failures into one line."""
    try:
        set_up()
    except SetupError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


def set_up() -> None:
    """Do what is not done yet, saying each step."""
    active = os.environ.get('VIRTUAL_ENV')
    env = Path(active).resolve() if active else ROOT / '.venv'
    foreign = env != ROOT / '.venv'
    stamp, state = env / STAMP, fingerprint()
    if stamp.is_file() and json.loads(stamp.read_text())['made_from'] == state:
        return
    started = time.time()
    python = str(env / 'bin' / 'python')
    if not foreign and not usable(python):
        say(f'making .venv with Python {sys.version.split()[0]}')
        run([sys.executable, '-m', 'venv', '--clear', str(env)], 'could not make .venv')
    else:
        say(f'using {env}' + (' (what it has is kept)' if foreign else ''))
    kept = installed(python) if foreign else {}
    if 'torch' not in kept:
        upgrade_pip(python)
    with tempfile.TemporaryDirectory() as folder:
        keep = Path(folder) / 'keep.txt'
        keep.write_text(''.join(f'{name}=={version}\n' for name, version in kept.items()))
        install_requirements(python, Path(folder), keep, kept)
    install_openmmlab(python, kept)
    say('installing this package, editable')
    pip(python, 'install', '--no-deps', '--no-build-isolation', '-e', str(ROOT))
    check(python)
    seconds = time.time() - started
    stamp.write_text(json.dumps({'made_from': state, 'setup_seconds': round(seconds, 1)}))
    say(f'the environment is ready after {seconds:.0f} s')


def install_requirements(python: str, folder: Path, keep: Path, kept: dict[str, str]) -> None:
    """Install the pinned libraries that are not among the kept ones."""
    wanted = [line for line in requirements(PINS) if not provided(name_of(line), kept)]
    if not wanted:
        return
    try:
        install(python, wanted, keep, folder)
    except SetupError:
        if not kept:
            raise
        say('the tested versions do not fit what is installed: taking those that do')
        loose = [line if name_of(line) == 'numpy' else name_of(line) for line in wanted]
        install(python, loose, keep, folder)


def install(python: str, wanted: list[str], keep: Path, folder: Path) -> None:
    """Install requirements without touching what the file ``keep`` lists."""
    todo = folder / 'todo.txt'
    todo.write_text('\n'.join(wanted) + '\n')
    arguments = ['install', '-r', str(todo), '-c', str(keep)]
    if any(name_of(line) == 'torch' for line in wanted):
        announce_torch(python, arguments, folder / 'report.json')
    say(f'installing {len(wanted)} packages')
    pip(python, *arguments)


def install_openmmlab(python: str, kept: dict[str, str]) -> None:
    """Install mmengine, mmcv, mmdet, mmpose and xtcocotools without their requirements."""
    wanted = [line for line in requirements(OPENMMLAB) if not provided(name_of(line), kept)]
    if wanted:
        say('installing ' + ', '.join(wanted))
        if any(name_of(line) == 'xtcocotools' for line in wanted) and needs_compiler():
            say('xtcocotools has no wheel for this Python and is compiled (under a minute)')
            require_compiler()
        pip(python, 'install', '--no-deps', '--no-build-isolation', *wanted)
    probe = [python, '-c', 'import xtcocotools.mask']
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        say('xtcocotools does not fit the installed numpy: compiling it (under a minute)')
        require_compiler()
        pip(python, 'install', 'cython', 'setuptools', 'wheel')
        line = next(line for line in requirements(OPENMMLAB) if name_of(line) == 'xtcocotools')
        flags = ['--no-deps', '--no-build-isolation', '--no-cache-dir', '--force-reinstall']
        pip(python, 'install', *flags, '--no-binary', 'xtcocotools', line)


def announce_torch(python: str, arguments: list[str], report: Path) -> None:
    """Say which torch pip would install, and what it weighs where it brings CUDA."""
    say('asking the package index which torch it offers')
    pip(python, arguments[0], '--dry-run', '--report', str(report), *arguments[1:])
    items = json.loads(report.read_text())['install']
    found = {item['metadata']['name'].lower(): item for item in items}
    if 'torch' not in found:  # it is there already
        return
    torch = found['torch']
    cuda = [item for name, item in found.items() if name.startswith(('nvidia-', 'triton'))]
    total = sum(size_of(item['download_info']['url']) for item in [torch, *cuda])
    size = f'{total / 1e9:.1f} GB' if total else 'several GB' if cuda else 'size unknown'
    version = torch['metadata']['version']
    if not cuda:
        say(f'torch {version}: a CPU build, {size}')
        return
    say(f'torch {version}: only a CUDA build is offered here, {size} to download')
    say(f'with {len(cuda)} CUDA packages; a smaller CPU build is taken where PIP_FIND_LINKS,')
    say('PIP_EXTRA_INDEX_URL or PIP_INDEX_URL lead to one (Ctrl-C stops)')


def size_of(url: str) -> int:
    """Return the size of a wheel in bytes, 0 if it cannot be told."""
    parts = urllib.parse.urlsplit(url)
    try:
        if parts.scheme == 'file':
            return Path(urllib.request.url2pathname(parts.path)).stat().st_size
        request = urllib.request.Request(url, method='HEAD')
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.headers.get('Content-Length') or 0)
    except (OSError, ValueError, urllib.error.URLError):
        return 0


def fingerprint() -> str:
    """Identify what the environment was made from."""
    digest = hashlib.sha256()
    for path in (PINS, OPENMMLAB, ROOT / 'setup.cfg', Path(__file__)):
        digest.update(path.read_bytes())
    version = '.'.join(str(part) for part in sys.version_info[:3])
    return f'{digest.hexdigest()} {version} {ROOT}'


def requirements(path: Path) -> list[str]:
    """Read the requirement lines of a file that apply to this Python, without comments."""
    lines = []
    for raw in path.read_text().splitlines():
        line, _, marker = raw.partition('#')[0].strip().partition(';')
        if line and applies(marker.strip()):
            lines.append(line.strip())
    return lines


def applies(marker: str) -> bool:
    """Evaluate the only marker the files use, a comparison of python_version."""
    if not marker:
        return True
    match = re.fullmatch(r'python_version (<|>=) "3\.(\d+)"', marker)
    if match is None:
        raise SetupError(f'requirement marker not understood: {marker}')
    minor = int(match[2])
    return sys.version_info[1] < minor if match[1] == '<' else sys.version_info[1] >= minor


def name_of(requirement: str) -> str:
    """Return the normalised name of a requirement such as ``json_tricks==3.17``."""
    name = re.match(r'[A-Za-z0-9._-]+', requirement)
    assert name is not None
    return re.sub(r'[-_.]+', '-', name[0]).lower()


def provided(name: str, kept: dict[str, str]) -> bool:
    """Say whether a kept distribution fills the place of this one."""
    return any(candidate in kept for candidate in (name, *ALIASES.get(name, ())))


def installed(python: str) -> dict[str, str]:
    """Return name and version of every distribution of an environment, without this package."""
    listing = pip(python, 'list', '--format=json', '--exclude-editable')
    found = {name_of(item['name']): item['version'] for item in json.loads(listing)}
    return {name: version for name, version in found.items() if name != 'centergroup-mm'}


def upgrade_pip(python: str) -> None:
    """Take a pip that resolves without downloading."""
    version = re.findall(r'\d+', pip(python, '--version'))[:2]
    if tuple(int(part) for part in version) < PIP_MINIMUM:
        say('upgrading pip')
        pip(python, 'install', '--upgrade', 'pip')


def needs_compiler() -> bool:
    """xtcocotools has wheels up to CPython 3.11."""
    return sys.version_info >= (3, 12) or sys.platform != 'linux'


def require_compiler() -> None:
    """Raise a one-line error where no C compiler is found."""
    if not any(shutil.which(name) for name in (os.environ.get('CC', 'cc'), 'cc', 'gcc', 'clang')):
        raise SetupError('a C compiler is needed for xtcocotools: install one, or use Python 3.11')


def usable(python: str) -> bool:
    """Say whether .venv is there and has the version that runs this script."""
    code = 'import sys; print(sys.version_info[:2])'
    if not Path(python).exists():
        return False
    done = subprocess.run([python, '-c', code], capture_output=True, text=True, check=False)
    return done.stdout.strip() == str(sys.version_info[:2])


def check(python: str) -> None:
    """Import the package once: it checks the versions and names the remedy."""
    code = 'import warnings; warnings.simplefilter("ignore"); import centergroup_mm'
    done = subprocess.run([python, '-c', code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(done.stderr.strip().splitlines()[-1])


def pip(python: str, *arguments: str) -> str:
    """Run pip in the environment and return what it prints."""
    command = [python, '-m', 'pip', '--disable-pip-version-check', *arguments]
    quiet = ['-q'] if arguments[0] == 'install' else []
    return run([*command, *quiet], f'pip {arguments[0]} failed')


def run(command: list[str], complaint: str) -> str:
    """Run a command; on failure raise its last lines as the error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if 'ERROR' in line] or [done.stderr]
        raise SetupError(f'{complaint}: {lines[0].strip()}')
    return done.stdout


def say(text: str) -> None:
    """Tell what is being done."""
    print(f'[setup] {text}', flush=True)


if __name__ == '__main__':
    sys.exit(main())
