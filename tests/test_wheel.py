"""The package as it is installed: built from its sources, used outside of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from .conftest import ROOT

pytestmark = pytest.mark.slow
BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, sys.argv[1])(sys.argv[2]))
"""


def call(*command: object, cwd: Path, **environment: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope='module')
def site(tmp_path_factory) -> Path:
    """A folder with the installed wheel, built from the source distribution."""
    folder = tmp_path_factory.mktemp('wheel')
    parts = ('centergroup_lite', 'centergroup_mm', 'configs', 'projects', 'tools')
    files = ('setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE', 'model-index.yml')
    for name in parts:
        ignored = shutil.ignore_patterns('__pycache__')
        shutil.copytree(ROOT / name, folder / 'src' / name, symlinks=True, ignore=ignored)
    for name in files:
        shutil.copy(ROOT / name, folder / 'src' / name)
    call(sys.executable, '-c', BUILD, 'build_sdist', folder, cwd=folder / 'src')
    (archive,) = folder.glob('*.tar.gz')
    shutil.unpack_archive(archive, folder)
    (source,) = (path for path in folder.glob('centergroup?mm-*') if path.is_dir())
    call(sys.executable, '-c', BUILD, 'build_wheel', folder, cwd=source)
    (wheel,) = folder.glob('*.whl')
    pip = (sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-index')
    call(*pip, '--target', folder / 'site', wheel, cwd=folder)
    return folder / 'site'


def test_the_wheel_is_whole(site):
    mim = site / 'centergroup_mm' / '.mim'
    for name in ('configs', 'tools'):
        ours = {p.relative_to(ROOT / name) for p in (ROOT / name).rglob('*.py')}
        theirs = {p.relative_to(mim / name) for p in (mim / name).rglob('*.py')}
        assert {str(p) for p in ours - theirs} <= {'setup_env.py', 'make_model_index.py'}
    assert (mim / 'model-index.yml').is_file() and (mim / 'configs' / 'metafile.yml').is_file()
    zoo = site / 'centergroup_mm' / 'zoo'
    assert {p.name for p in zoo.glob('*.pth')} == {
        p.name for p in (ROOT / 'centergroup_mm' / 'zoo').glob('*.pth')
    }
    assert not (site / 'tests').exists()


def test_the_installed_package_works_outside_of_the_repository(site, tmp_path):
    cv2.imwrite(str(tmp_path / 'gray.png'), np.full((64, 96, 3), 127, np.uint8))
    path = dict(PYTHONPATH=str(site), OMP_NUM_THREADS='1')
    command = site / 'bin' / 'centergroup'
    printed = call(sys.executable, command, 'predict', 'gray.png', cwd=tmp_path, **path)
    assert 'gray_poses.jpg: 0 people' in printed
    code = f"""
import centergroup_mm
from mmengine.hub import get_config
from mmpose.apis import MMPoseInferencer
assert centergroup_mm.__file__.startswith({str(site)!r})
assert get_config('centergroup_mm::centergroup_w32_coco.py').filename.startswith({str(site)!r})
(result,) = MMPoseInferencer('centergroup', device='cpu')('gray.png')
print(result['predictions'])
"""
    assert call(sys.executable, '-c', code, cwd=tmp_path, **path).endswith('[[]]\n')
    tool = site / 'centergroup_mm' / '.mim' / 'tools' / 'demo.py'
    printed = call(sys.executable, tool, 'gray.png', '--out', 'drawn', cwd=tmp_path, **path)
    assert 'drawn/gray_poses.jpg: 0 people' in printed
