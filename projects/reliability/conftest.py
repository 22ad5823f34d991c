"""What the tests of the project share.

pytest puts the folder of this file, which is no package, on the path.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import pytest
import torch
from fuzzing.material import Material, make


@pytest.fixture(autouse=True)
def same_threads_after() -> Iterator[None]:
    """Torch gets its threads back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def material(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Material]:
    """Model, scenes and files of the cases; torch and OpenCV get their threads back."""
    threads = torch.get_num_threads(), cv2.getNumThreads()
    yield make(tmp_path_factory.mktemp('material'))
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])
