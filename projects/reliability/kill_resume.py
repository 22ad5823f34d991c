"""Kill trainings at random moments, resume them, and compare the weights with an unbroken run.

    python projects/reliability/kill_resume.py --kills 10 --seed 0

Each training is a process that is forked from this one, so that packages are imported once. It is
killed with SIGKILL, also while it writes a checkpoint, and then resumed as ``--resume`` does it.
The model has dropout, batch normalization and Adam, the data have random noise, and a checkpoint is
written after every second iteration, or epoch, of which only the newest is kept.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from centergroup_mm.checkpoints.resume import prepare_resume  # noqa: E402
from tests.helpers.noisy import noisy_config, train, weights  # noqa: E402

ITERATIONS = 24


def start(folder: Path, by_epoch: bool, processes: int) -> list[int]:
    """Fork the processes of a training that begins, or goes on if it has a checkpoint.

    Returns:
        their process ids.
    """
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(processes):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run(folder, by_epoch, rank, processes, port)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    return children


def run(folder: Path, by_epoch: bool, rank: int, processes: int, port: int) -> None:
    """Train in this process, which has no output."""
    sys.stdout = sys.stderr = open(folder / f'log_{rank}', 'a')  # noqa: SIM115
    torch.set_num_threads(1)
    cfg = noisy_config(folder, by_epoch, resume=True)
    if by_epoch:
        cfg.train_cfg.max_epochs = ITERATIONS * processes // 4
    else:
        cfg.train_cfg.max_iters = ITERATIONS
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint.update(interval=2, max_keep_ckpts=1, save_best=None)
    prepare_resume(cfg)
    if processes > 1:
        names = dict(RANK=rank, WORLD_SIZE=processes, LOCAL_RANK=rank, MASTER_PORT=port)
        os.environ.update({name: str(value) for name, value in names.items()})
        os.environ['MASTER_ADDR'] = '127.0.0.1'
        torch.distributed.init_process_group('gloo')
        cfg.launcher = 'pytorch'
        cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
    train(cfg)


def wait(children: list[int]) -> list[int]:
    """Wait for processes and return their exit codes."""
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def last(folder: Path) -> Path:
    """The last checkpoint of a training that has ended."""
    return Path((folder / 'last_checkpoint').read_text())


def compare(by_epoch: bool, processes: int, kills: int, rng: random.Random) -> tuple[int, int, int]:
    """Kill as many trainings as asked for.

    Returns:
        how many came to the same weights bit for bit, how many were killed, and how many of these
        inside of a save.
    """
    with tempfile.TemporaryDirectory() as folder:
        clock = time.monotonic()
        assert set(wait(start(Path(folder), by_epoch, processes))) == {0}, folder
        duration = time.monotonic() - clock
        expected = weights(last(Path(folder)))
    equal = done = inside = 0
    while done < kills:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            children = start(folder, by_epoch, processes)
            until = time.monotonic() + 10 * duration + 60
            while not (folder / 'last_checkpoint').exists() and not list(
                folder.glob('.*.partial*')
            ):
                assert time.monotonic() < until, (folder / 'log_0').read_text()
                time.sleep(0.002)
            time.sleep(rng.uniform(0, duration / 4))
            for child in children:
                os.kill(child, signal.SIGKILL)
            if set(wait(children)) == {0}:
                continue  # it had ended before
            done += 1
            inside += bool(list(folder.glob('.*.partial*')))
            assert set(wait(start(folder, by_epoch, processes))) == {0}, (
                folder / 'log_0'
            ).read_text()
            found = weights(last(folder))
            equal += all(torch.equal(found[key], value) for key, value in expected.items())
    return equal, done, inside


def main() -> None:
    """Print one row for each kind of training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=10, help='of each kind, default 10')
    parser.add_argument('--seed', type=int, default=0, help='of the moments, default 0')
    args = parser.parse_args()
    rng = random.Random(args.seed)
    print('| training | processes | killed | inside a save | same weights, bit for bit |')
    print('|---|---|---|---|---|')
    for processes in (1, 2):
        for by_epoch in (True, False):
            equal, done, inside = compare(by_epoch, processes, args.kills, rng)
            kind = 'epochs' if by_epoch else 'iterations'
            print(f'| {kind} | {processes} | {done} | {inside} | {equal} |', flush=True)


if __name__ == '__main__':
    main()
