"""What tools/setup_env.py would install beside what is there."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable

import pytest

from ..conftest import ROOT


@pytest.fixture
def setup_env() -> dict[str, Callable]:
    """The functions of the script."""
    return runpy.run_path(str(ROOT / 'tools' / 'setup_env.py'))


def test_all_requirements_are_missing_from_an_empty_environment(setup_env):
    lines = setup_env['missing'](setup_env['PINS'], {})
    assert all(re.match(r'[\w-]+==\d', line) for line in lines)
    assert {'torch', 'numpy', 'pytest', 'ruff', 'mypy'} <= set(map(setup_env['name_of'], lines))


def test_what_is_installed_is_left_alone_whatever_its_version_or_its_other_name(setup_env):
    kept = {'torch': '2.1.0', 'json-tricks': '3.0', 'opencv-python': '4.9.0', 'mmcv': '2.1.0'}
    lines = [
        line
        for path in (setup_env['PINS'], setup_env['OPENMMLAB'])
        for line in setup_env['missing'](path, kept)
    ]
    names = set(map(setup_env['name_of'], lines))
    assert not names & {'torch', 'json-tricks', 'opencv-python-headless', 'mmcv-lite'}
    assert {'numpy', 'mmpose'} <= names


def test_markers_are_left_to_pip(setup_env):
    lines = setup_env['missing'](setup_env['PINS'], {})
    scipy = [line for line in lines if setup_env['name_of'](line) == 'scipy']
    assert len(scipy) == 2 and all('; python_version' in line for line in scipy)
