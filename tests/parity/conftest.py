"""What tests outside this folder share with it."""

from __future__ import annotations

from pathlib import Path

import pytest

# Their assertions explain themselves as those of test files do.
HELPERS = [path.stem for path in Path(__file__).parent.glob('*.py') if 'test' not in path.stem]
pytest.register_assert_rewrite(*(f'{__package__}.{name}' for name in HELPERS))

from .models import build_model, official_state  # noqa: E402
from .reference import FOLDER, NO_FOLDER, ROOT, Reference, assert_close  # noqa: E402

__all__ = [
    'FOLDER',
    'ROOT',
    'Reference',
    'assert_close',
    'build_model',
    'files_of',
    'official_state',
]


def files_of(kind: str) -> list:
    """Parameters for the reference files whose name starts with ``kind``."""
    found = sorted(FOLDER.glob(f'{kind}_*.npz')) if FOLDER.is_dir() else []
    if not found:
        reason = f'no {kind}_*.npz in {FOLDER}; set CENTERGROUP_REFERENCE'
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id='absent')]
    return [pytest.param(path, id=path.stem) for path in found]


@pytest.fixture(scope='session')
def reference_folder() -> Path:
    """The folder of reference files; skips without one."""
    if not FOLDER.is_dir():
        pytest.skip(NO_FOLDER)
    return FOLDER
