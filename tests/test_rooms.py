"""Imports go one way: a room of the package uses only rooms that come before it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import ROOT

PACKAGE = 'centergroup_mm'
#: the package below all rooms, and what it may import; the last two in functions only
LITE = 'centergroup_lite'
LITE_USES = {*sys.stdlib_module_names, LITE, 'cv2', 'numpy', 'onnxruntime', 'tqdm'}
LITE_USES |= {'PIL', 'pycocotools'}
#: lowest first; a room is the longest of these names that a module begins with
ROOMS = (
    'version',
    'compat',
    'utils',
    'models.grouping',
    'codecs',
    'models',
    'datasets',
    'engine',
    'evaluation',
    'checkpoints',
    'synthetic',
    'visualization',
    'zoo',
    'inference',
    'deploy',
    'commands',
    '__main__',
)
PROJECTS = {path.parent.name for path in ROOT.glob('projects/*/*/__init__.py')} - {'tests'}


def module_name(path: Path) -> str:
    """Return the dotted name of a file, that of the folder for ``__init__.py``."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and absolute dotted name of everything a file imports, in functions too."""
    package = module_name(path).split('.')
    if path.name != '__init__.py':
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module or '').split('.')] if node.module else base
            yield from ((node.lineno, '.'.join([*base, alias.name])) for alias in node.names)


def room_of(name: str) -> int | None:
    """Return the place of a module of the package in the order of rooms; None: it is in none."""
    inner = name.removeprefix(f'{PACKAGE}.')
    rooms = [room for room in ROOMS if inner == room or inner.startswith(f'{room}.')]
    if not name.startswith(f'{PACKAGE}.') or not rooms:
        return None
    return ROOMS.index(max(rooms, key=len))


def files(folder: str) -> list[Path]:
    """Return the Python files of a folder of the repository."""
    return sorted((ROOT / folder).rglob('*.py'))


def test_every_file_of_the_package_is_in_a_room():
    outside = [p for p in files(PACKAGE) if room_of(module_name(p)) is None]
    assert outside == [ROOT / PACKAGE / '__init__.py']


@pytest.mark.parametrize('room', ROOMS)
def test_a_room_uses_only_rooms_before_it(room):
    wrong = []
    for path in files(PACKAGE):
        own = room_of(module_name(path))
        if own != ROOMS.index(room):
            continue
        for line, name in imports_of(path):
            other = room_of(name)
            if name == PACKAGE or (other is not None and other > own):
                wrong.append(f'{path.relative_to(ROOT)}:{line} imports {name}')
    assert not wrong


@pytest.mark.parametrize('folder', [LITE, PACKAGE, 'tools'])
def test_nothing_outside_a_project_imports_it(folder):
    assert PROJECTS
    wrong = [
        f'{path.relative_to(ROOT)}:{line} imports {name}'
        for path in files(folder)
        for line, name in imports_of(path)
        if name.split('.')[0] in {*PROJECTS, 'projects'}
    ]
    assert not wrong


def test_the_package_imports_neither_tools_nor_tests():
    names = {path.stem for path in (ROOT / 'tools').iterdir()} | {'tools', 'tests'}
    wrong = [
        f'{path.relative_to(ROOT)}:{line} imports {name}'
        for path in files(PACKAGE)
        for line, name in imports_of(path)
        if name.split('.')[0] in names
    ]
    assert not wrong


def test_the_package_without_torch_imports_nothing_that_needs_it():
    wrong = [
        f'{path.relative_to(ROOT)}:{line} imports {name}'
        for path in files(LITE)
        for line, name in imports_of(path)
        if name.split('.')[0] not in LITE_USES
    ]
    assert files(LITE) and not wrong


def test_imports_are_read_from_any_place_and_form(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), 'ROOT', tmp_path)
    path = tmp_path / PACKAGE / 'codecs' / 'a.py'
    path.parent.mkdir(parents=True)
    path.write_text(
        'import os.path\nfrom ..models import heads\nfrom . import b\n'
        'def f():\n    from ..models.grouping.decode import c\n'
    )
    assert list(imports_of(path)) == [
        (1, 'os.path'),
        (2, 'centergroup_mm.models.heads'),
        (3, 'centergroup_mm.codecs.b'),
        (5, 'centergroup_mm.models.grouping.decode.c'),
    ]
    assert room_of('centergroup_mm.models.heads') > room_of('centergroup_mm.codecs.b')
    assert room_of('centergroup_mm.models.grouping.decode') < room_of('centergroup_mm.codecs.b')
