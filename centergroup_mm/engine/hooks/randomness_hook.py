"""Random numbers that a resumed training draws again."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.dataset import worker_init_fn as mmengine_init_worker
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import IterBasedTrainLoop, Runner
from mmpose.registry import HOOKS
from torch.utils.data import DataLoader


@HOOKS.register_module()
class RandomnessHook(Hook):
    """Draw random numbers that depend on seed, process, epoch and iteration only.

    Then a training that is resumed, also inside of an epoch, continues as if it had never stopped.
    Checkpoints need no generator states.

    - The seed is that of the first run, which mmengine keeps in the checkpoint. Samplers get it.
    - The main process and its loader processes are seeded at the start of each epoch, or of an
      iteration-based training. The batches that were trained before are read again and skipped;
      an iteration-based loop of mmengine does so by itself.
    - torch, from which networks draw (dropout), is seeded before each iteration.

    Transforms have to draw from ``random`` or ``numpy.random``, as MMPose's do.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Hand out the seed, after mmengine has taken it from the checkpoint."""
        loader = runner.train_dataloader
        for sampler in (loader.sampler, getattr(loader.batch_sampler, 'sampler', None)):
            if hasattr(sampler, 'seed'):
                sampler.seed = runner.seed
            if isinstance(sampler, InfiniteSampler):  # begin anew: loaders have read ahead
                sampler.indices = sampler._indices_of_rank()
        given = loader.worker_init_fn
        if given is None or getattr(given, 'func', None) is mmengine_init_worker:
            loader.worker_init_fn = init_worker
        loop = runner.train_loop
        if isinstance(loop, IterBasedTrainLoop):
            seed_all(runner.seed, runner.rank, 0)
            loop.dataloader_iterator = type(loop.dataloader_iterator)(loader)

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed an epoch, and skip what was trained of it."""
        loop = runner.train_loop
        if isinstance(loop, IterBasedTrainLoop):
            return
        loader = loop.dataloader
        loader._iterator = None  # loader processes of the last epoch, whose generators have moved
        seed_all(runner.seed, runner.rank, runner.epoch)
        done = runner.iter - runner.epoch * len(loader)
        if done > 0:
            print_log(f'Reading again {done} batches that were trained', logger='current')
            loop.dataloader = _Remainder(loader, done)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed what networks draw from."""
        torch.manual_seed(derive_seed(runner.seed, runner.rank, runner.iter, 1))

    def after_train_epoch(self, runner: Runner) -> None:
        """Give the loop its loader back."""
        loader = runner.train_loop.dataloader
        if isinstance(loader, _Remainder):
            runner.train_loop.dataloader = loader.loader


class _Remainder:
    """A data loader without its first batches, for the rest of an epoch.

    Args:
        loader: the whole one.
        done: batches to leave out.
    """

    def __init__(self, loader: DataLoader, done: int) -> None:
        self.loader = loader
        self.done = done

    def __len__(self) -> int:
        return max(0, len(self.loader) - self.done)

    def __iter__(self) -> Iterator[Any]:
        for index, batch in enumerate(self.loader):
            if index >= self.done:
                yield batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)


def derive_seed(*numbers: int) -> int:
    """Mix numbers into one seed below 2**32; other numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def seed_all(*numbers: int) -> None:
    """Seed ``random``, numpy and torch in this process."""
    seed = derive_seed(*numbers)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def init_worker(worker_id: int) -> None:
    """Prepare a process of a data loader.

    Args:
        worker_id: number of the process, from which torch has already made a seed.
    """
    seed_all(torch.initial_seed())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, 'sigwaitinfo'):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Obey SIGTERM from the main process alone.

    Slurm sends it to all processes, and the main process needs its loaders until it has saved.
    """
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
