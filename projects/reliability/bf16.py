"""Train under bfloat16 autocast and in float32, and compare the losses.

    python projects/reliability/bf16.py                     # 500 iterations; three seeds, and one

The tiny model learns the same drawn scenes from scratch with both. mmengine's ``AmpOptimWrapper``
wants a GPU; the wrapper here does what it does for ``dtype='bfloat16'``, which needs no scaling of
the loss: the forward pass runs under autocast. How far the seeds of float32 lie apart says which
difference means nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from small import tiny_config, train
from torch import nn


@OPTIM_WRAPPERS.register_module(force=True)
class Bfloat16OptimWrapper(OptimWrapper):
    """Runs the forward pass under bfloat16 autocast, on a CPU too."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter autocast for an iteration."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, dtype=torch.bfloat16):
            yield


def losses(folder: Path, precision: str, seed: int, iterations: int) -> list[float]:
    """Train once.

    Args:
        folder: gets scenes and checkpoints.
        precision: ``'float32'`` or ``'bfloat16'``.
        seed: of weights, order and augmentation.
        iterations: of the training.

    Returns:
        the loss of each iteration.
    """
    cfg = tiny_config(folder, 64, iterations, seed)
    if precision == 'bfloat16':
        cfg.optim_wrapper.type = 'Bfloat16OptimWrapper'
    return train(cfg)[1]


def finite(values: Sequence[float]) -> bool:
    """Whether all losses are numbers."""
    return bool(torch.isfinite(torch.tensor(values)).all())


def main() -> int:
    """Print a row for each training; exit status 1 if bfloat16 learns something else."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--iterations', type=int, default=500, help='default 500')
    parser.add_argument('--seeds', type=int, default=3, help='of float32, default 3')
    parser.add_argument('--bf16-seeds', type=int, default=1, help='of bfloat16, default 1')
    args = parser.parse_args()
    torch.set_num_threads(1)
    ends: dict[str, list[float]] = {'float32': [], 'bfloat16': []}
    every = True
    print('| precision | seed | finite losses | mean of the first tenth | of the last fifth |')
    print('|---|---|---|---|---|')
    for precision, found in ends.items():
        for seed in range(args.seeds if precision == 'float32' else args.bf16_seeds):
            with tempfile.TemporaryDirectory() as folder:
                values = losses(Path(folder), precision, seed, args.iterations)
            first = statistics.mean(values[: len(values) // 10])
            found.append(statistics.mean(values[-(len(values) // 5) :]))
            every &= finite(values) and len(values) == args.iterations
            count = sum(finite([value]) for value in values)
            print(f'| {precision} | {seed} | {count} | {first:.4f} | {found[-1]:.4f} |', flush=True)
    apart = statistics.mean(ends['bfloat16']) - statistics.mean(ends['float32'])
    spread = max(ends['float32']) - min(ends['float32'])
    print(f'means differ by {apart:+.4f}; the seeds of float32 span {spread:.4f}')
    return int(not every or abs(apart) > spread)


if __name__ == '__main__':
    sys.exit(main())
