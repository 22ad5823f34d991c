"""What a user sees when one of two processes that train together goes wrong."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from ..helpers.tools import run_tool, start_two

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'tests' / 'helpers' / 'toy_config.py'
TRAIN = ('tools/train.py', CONFIG, '--launcher', 'pytorch', '--cfg-options')


@pytest.mark.slow
def test_a_mistake_is_said_once(tmp_path: Path) -> None:
    torchrun = ('-m torch.distributed.run', '--standalone', '--nproc_per_node', '2')
    done = run_tool(*torchrun, ROOT / TRAIN[0], *TRAIN[1:], 'model.widht=3', cwd=tmp_path)
    assert done.status
    said = [line for line in done.output.splitlines() if 'did you mean width?' in line]
    assert len(said) == 1 and said[0].startswith('error: '), done.output


@pytest.mark.slow
def test_a_stopped_process_ends_the_others_after_the_timeout(tmp_path: Path) -> None:
    options = ('train_cfg.max_epochs=100000', 'env_cfg.dist_cfg.timeout=8')
    first, second = start_two(*TRAIN, *options, cwd=tmp_path)
    until = time.monotonic() + 120
    while not list(tmp_path.rglob('epoch_*.pth')) and time.monotonic() < until:
        time.sleep(0.2)
    os.kill(second.process.pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        done = first.wait()
        assert time.monotonic() - start < 60
        assert done.status not in (0, -signal.SIGKILL), done.output
        assert 'env_cfg.dist_cfg.timeout' in done.output.strip().splitlines()[-1], done.output
        assert 'Traceback' not in done.output
    finally:
        os.kill(second.process.pid, signal.SIGKILL)
        second.process.join()
