"""What the benchmark measures, and for how long."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from centergroup_mm.utils.errors import UserError

from .ratios import FEW, LARGE_BATCH, MANY, PEOPLE

Size = tuple[int, int]

#: whole predictions beside those with AE, of eight images beside one, and training steps
PARTS = ('whole', 'batches', 'training')


@dataclass(frozen=True)
class Options:
    """What is measured, and for how long.

    The first size with flip test, batch 1 and 1, 25 and 30 people is always measured, as the
    ratios are taken there.

    Args:
        sizes: (w, h) of the network input in pixels, multiples of 32.
        people: numbers of people in an image.
        batches: images at once.
        flips: with flip test, without.
        repeats: counted rounds.
        threads: of PyTorch on the CPU.
        device: ``cpu`` or ``cuda``.
        train_batch: images of a training step.
        seconds: about the most for each combination of size, batch and flip test, and for the
            training step; see :func:`~benchmarking.clock.alternate`.
        total: about the most for all, in seconds; every call is made at least once.
        compiled: also compile the model, which takes minutes, and measure it.
        only: of :data:`PARTS`, if not everything: without calls of single stages and memory.
        baseline: ``MODULE:CLASS`` of a :class:`~benchmarking.workload.Baseline` to measure too.

    Raises:
        UserError: something is out of range, or there is no such device.
    """

    sizes: Sequence[Size] = ((512, 512), (832, 512))
    people: Sequence[int] = (1, 5, 10, 20, 25, 30)
    batches: Sequence[int] = (1, 8)
    flips: Sequence[bool] = (True, False)
    repeats: int = 10
    threads: int = 2
    device: str = 'cpu'
    train_batch: int = 2
    seconds: float = float('inf')
    total: float = float('inf')
    compiled: bool = False
    only: Sequence[str] = ()
    baseline: str | None = None

    def __post_init__(self) -> None:
        """Check what a user can get wrong."""
        for width, height in self.sizes:
            if min(width, height) < 64 or width % 32 or height % 32:
                raise UserError(f'--size must be multiples of 32 from 64 on, got {width} {height}')
        if min([*self.people, *self.batches, self.repeats, self.threads]) < 1:
            raise UserError('--people, --batch, --repeats and --threads must be at least 1')
        if self.device.startswith('cuda') and not torch.cuda.is_available():
            raise UserError('no CUDA device here: use --device cpu')

    @property
    def counts(self) -> list[int]:
        """Numbers of people, with those that are always measured."""
        return sorted({*self.people, FEW, PEOPLE, MANY})

    @property
    def combinations(self) -> list[tuple[Size, bool, int]]:
        """Size, flip test and batch, size by size; first where ratios are taken."""
        product = itertools.product(self.sizes, self.flips, self.batches)
        if self.only:
            product = [(self.sizes[0], True, LARGE_BATCH)] if 'batches' in self.only else []
        chosen = dict.fromkeys([(self.sizes[0], True, 1), *product])
        return sorted(chosen, key=lambda entry: self.sizes.index(entry[0]))

    def wants(self, part: str) -> bool:
        """Whether one of :data:`PARTS` is measured."""
        return part in self.only or not self.only
