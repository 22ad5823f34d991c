"""A good annotation file to spoil, and how it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from centergroup_lite.annotations import read_annotations

from ...helpers.skeletons import FIVE, write_dataset


@pytest.fixture
def content(tmp_path: Path) -> dict:
    """Four images with eight people of five joints."""
    return json.loads(write_dataset(tmp_path / 'data', FIVE).read_text())


def read(folder: Path, content: object, **options):
    """Write a content and read it."""
    path = folder / 'changed.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_annotations(path, **options)
