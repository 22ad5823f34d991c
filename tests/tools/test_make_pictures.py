"""The pictures of README and docs are drawn by a command."""

from __future__ import annotations

import re

import cv2
import pytest

from ..conftest import ROOT
from ..helpers.tools import run_tool

pytest.importorskip('skimage', reason='pip install scikit-image')


def test_pictures_of_the_pages_are_made(tmp_path):
    done = run_tool('tools/make_pictures.py', '--out', tmp_path, cwd=tmp_path)
    assert done.status == 0, done.err[-2000:]
    pages = [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]
    found = {
        (page.parent / name).resolve().relative_to(ROOT)
        for page in pages
        for name in re.findall(r'!\[[^]]*\]\(([^)]+)\)', page.read_text())
    }
    found = {name for name in found if name.parts[0] != 'projects'}  # they draw their own
    assert len(found) >= 2
    for name in found:  # the pages have no picture that the command does not draw
        shape = cv2.imread(str(tmp_path / name)).shape
        assert shape == cv2.imread(str(ROOT / name)).shape
    again = run_tool('tools/make_pictures.py', '--out', tmp_path, cwd=tmp_path)
    assert again.status == 2 and 'exists' in again.err
