"""What all tests share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]

#: how many processes share the tests: -n of pytest-xdist, if it is installed
WORKERS = int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', 1))

# two cores are what the tests are tuned for, alone or as two workers with a thread each
THREADS = max(1, 2 // WORKERS)
torch.set_num_threads(THREADS)
os.environ['OMP_NUM_THREADS'] = str(THREADS)  # of the tools that tests start


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of what several processes use, see helpers/exported.py."""
    if not hasattr(config, 'workerinput'):  # the process that starts the others
        folder = tempfile.TemporaryDirectory()
        os.environ['CENTERGROUP_TEST_FILES'] = folder.name
        config.add_cleanup(folder.cleanup)


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """Reference material that lies beside the repository, or where CENTERGROUP_SHARED says."""
    folder = Path(os.environ.get('CENTERGROUP_SHARED', ROOT.parent / 'shared'))
    if not folder.is_dir():
        pytest.skip(f'reference material not found in {folder}; set CENTERGROUP_SHARED')
    return folder
