"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]

torch.set_num_threads(2)


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """Reference material that lies beside the repository, or where CENTERGROUP_SHARED says."""
    folder = Path(os.environ.get('CENTERGROUP_SHARED', ROOT.parent / 'shared'))
    if not folder.is_dir():
        pytest.skip(f'reference material not found in {folder}; set CENTERGROUP_SHARED')
    return folder
