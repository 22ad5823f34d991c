"""What all tests share."""

from __future__ import annotations

import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch

from centergroup_lite.commands import COMMANDS
from centergroup_lite.main import main
from centergroup_mm.synthetic import write_dataset

ROOT = Path(__file__).resolve().parents[1]

#: how many processes share the tests: -n of pytest-xdist, if it is installed
WORKERS = int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', 1))

# two cores are what the tests are tuned for, alone or as two workers with a thread each
THREADS = max(1, 2 // WORKERS)
torch.set_num_threads(THREADS)
# some tests fork this process, and what is forked may wait forever for threads of OpenCV
cv2.setNumThreads(1)
os.environ['OMP_NUM_THREADS'] = str(THREADS)  # of the tools that tests start


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of what several processes use, see helpers/exported.py."""
    if not hasattr(config, 'workerinput'):  # the process that starts the others
        folder = tempfile.TemporaryDirectory()
        os.environ['CENTERGROUP_TEST_FILES'] = folder.name
        config.add_cleanup(folder.cleanup)


@pytest.fixture(autouse=True)
def threads_of_torch() -> None:
    """Each test begins with the same number: commands that run in this process set their own."""
    torch.set_num_threads(THREADS)


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """Reference material that lies beside the repository, or where CENTERGROUP_SHARED says."""
    folder = Path(os.environ.get('CENTERGROUP_SHARED', ROOT.parent / 'shared'))
    if not folder.is_dir():
        pytest.skip(f'reference material not found in {folder}; set CENTERGROUP_SHARED')
    return folder


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run a command, or a script of ``tools/``, in this process and in an empty folder.

    The function takes its name and arguments, and returns the exit status and what was printed.
    """

    def run(name: str, *arguments: object) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        for folder in (ROOT, ROOT / 'tools'):
            monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            if name in COMMANDS:
                sys.exit(main([name, *map(str, arguments)]))
            runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
        return int(end.value.code or 0), ''.join(capfd.readouterr())

    return run


@pytest.fixture(scope='session')
def three_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three drawn scenes of 96 x 96 pixels with COCO annotations; not to be changed."""
    folder = tmp_path_factory.mktemp('scenes')
    write_dataset(folder, 'demo', 3, 5, (96, 96), progress=False)
    return folder
