"""The model and the scenes on which the parts of the benchmark are tested."""

from __future__ import annotations

import pytest
from benchmarking.scenes import Scenes
from benchmarking.workload import Workload
from mmengine.config import Config

import centergroup_mm  # noqa: F401

from ...conftest import ROOT

TINY = ROOT / 'configs/centergroup_tiny_synthetic.py'


@pytest.fixture(scope='module')
def work() -> Workload:
    """The tiny model."""
    return Workload(Config.fromfile(TINY))


@pytest.fixture(scope='module')
def scenes(work: Workload) -> Scenes:
    """Two pictures of four people at 128x96."""
    return work.scenes((128, 96), 2, 4)
