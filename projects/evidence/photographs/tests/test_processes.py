"""Processes of the study on photographs: what becomes of failed trainings and killed processes."""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from detections import small_study

from centergroup_mm.utils.errors import UserError

RUN = Path(__file__).resolve().parents[1] / 'run.py'
spec = importlib.util.spec_from_file_location('run_photograph_study', RUN)
study = importlib.util.module_from_spec(spec)
spec.loader.exec_module(study)


def test_a_killed_process_is_one_line_and_not_waited_for() -> None:
    context = multiprocessing.get_context('forkserver')
    done = context.Queue()
    worker = context.Process(target=time.sleep, args=(600,), daemon=True)
    worker.start()
    assert study.next_done(done, [worker], time.monotonic() + 1.5) is None
    done.put('a job')
    assert study.next_done(done, [worker], time.monotonic() + 60) == 'a job'
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(UserError, match=r'status -9 .* with fewer --jobs'):
        study.next_done(done, [worker], time.monotonic() + 60)


def command(folder: Path, jobs: int) -> list[str]:
    """The study of one row on what is cached."""
    options = ['--rows', 'paper7', '--passes', '1', '--steps', '3', '--batch-size', '2']
    given = ['movenet.pth', '--train', 'train', '--dev', 'dev', '--seeds', '0', '--device', 'cpu']
    return [sys.executable, str(RUN), *given, *options, '--jobs', str(jobs), '--out', str(folder)]


@pytest.mark.slow
def test_a_failed_choice_of_the_learning_rate_fails_what_needs_it(tmp_path: Path) -> None:
    small_study(tmp_path)
    cached = torch.load(tmp_path / 'proposals.pt', weights_only=False)
    held_out = cached.pop('held_out')
    torch.save(cached, tmp_path / 'proposals.pt')
    done = subprocess.run(command(tmp_path, 2), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "KeyError: 'held_out'" in done.stdout
    assert "('run', 'paper7', 0) failed: there is no learning rate of paper7" in done.stdout
    torch.save(dict(cached, held_out=held_out), tmp_path / 'proposals.pt')
    done = subprocess.run(command(tmp_path, 1), capture_output=True, text=True, check=False)
    assert done.returncode == 0 and 'failed' not in done.stdout, done.stdout + done.stderr
    assert (tmp_path / 'results' / 'paper7_seed0.json').is_file()


def members(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):  # it has ended
            if os.getsid(int(name)) == session:
                found.append(int(name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path('/proc').is_dir(), reason='this system does not list its processes')
def test_a_study_that_is_ended_ends_its_processes(tmp_path: Path) -> None:
    small_study(tmp_path)
    endless = [*command(tmp_path, 1), '--steps', '999999']
    running = subprocess.Popen(endless, start_new_session=True)
    until = time.monotonic() + 300
    while len(members(running.pid)) < 3:  # itself, the tracker of its queues, and a worker
        assert running.poll() is None and time.monotonic() < until
        time.sleep(0.2)
    running.terminate()
    assert running.wait(60) == 143
    while members(running.pid):
        assert time.monotonic() < until
        time.sleep(0.2)
