"""Plan trainings on several GPUs from the parts of a step and the bytes of its gradients.

    python projects/reliability/scaling.py                  # the parts are measured on this machine
    python projects/reliability/scaling.py --parts 50 100 5 --gpu-batch 8   # milliseconds of a GPU

Parts and bytes are measured. Everything about several GPUs is planned: it follows from the
assumptions that are printed beside it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import torch
from gradients import CONFIGS, build, samples
from mmengine.dataset import pseudo_collate
from torch import nn

#: gradients that DDP sends at once; the first reduction can start when as many are there
BUCKET = 25 * 2**20
#: GPUs that share one machine
PER_NODE = 8
ASSUMPTIONS = """Assumed, not measured:
- every GPU takes {batch} images a step, in {parts}
- gradients are float32 and averaged by a ring: each GPU sends and receives 2 (N - 1) / N of their
  {megabytes:.1f} MB, at {inside:g} GB/s within a machine of {node} GPUs and at {between:g} GB/s for
  each GPU between machines, whichever is slower, and {latency:g} us for each of the 2 (N - 1) turns
- the reduction runs during the backward pass, except for its last bucket of at most 25 MiB
- images are read and augmented as fast as they are used, and no process is slower than the others
- the learning rate grows with the batch (linear rule), up to {limit:g} times; beyond that, more
  GPUs shorten the steps only if each takes fewer images"""
STRATEGIES = """mmengine's strategies:
- MMDistributedDataParallel (the default with --launcher): the model fits into one GPU, with
  gradients and Adam {model:.0f} MB without activations, so that FSDPStrategy and DeepSpeedStrategy,
  which share these bytes among GPUs, save nothing that is needed here
- SyncBatchNorm (sync_bn='torch' in the config) below about 8 images a GPU where norms are trained
- accumulative_counts of optim_wrapper: the batch of N GPUs on fewer"""


class Step(NamedTuple):
    """Seconds of a training step on one GPU."""

    forward: float
    backward: float
    optimizer: float


class Network(NamedTuple):
    """Bandwidths in bytes a second, and seconds of a turn of the ring."""

    inside: float
    between: float
    latency: float


def reduction(size: float, gpus: int, network: Network) -> float:
    """Seconds of a ring all-reduce.

    Args:
        size: of the gradients in bytes.
        gpus: number of them.
        network: between them.
    """
    if gpus == 1:
        return 0.0
    speed = network.inside if gpus <= PER_NODE else min(network.inside, network.between)
    return 2 * (gpus - 1) / gpus * size / speed + 2 * (gpus - 1) * network.latency


def planned(step: Step, size: float, gpus: int, network: Network) -> tuple[float, float]:
    """Plan a step on several GPUs.

    Args:
        step: parts on one.
        size: of the gradients in bytes.
        gpus: number of them.
        network: between them.

    Returns:
        seconds of the step, and seconds of it in which gradients are waited for.
    """
    total = reduction(size, gpus, network)
    last = reduction(min(size, BUCKET), gpus, network)
    waiting = max(last, total - step.backward)
    return sum(step) + waiting, waiting


def measure(config: str, batch: int, repeats: int) -> tuple[Step, int]:
    """Time the parts of a step on this machine, the median of several.

    Args:
        config: one of ``gradients.CONFIGS``.
        batch: images.
        repeats: steps, after one that is not counted.

    Returns:
        seconds of the parts, and bytes of the gradients.
    """
    model = build(config)
    with tempfile.TemporaryDirectory() as folder:
        found = samples(config, Path(folder))[:2]
    data = model.data_preprocessor(
        pseudo_collate([found[i % 2] for i in range(batch)]), training=True
    )
    trained = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-6)
    parts = []
    for _ in range(repeats + 1):
        times = [time.perf_counter()]
        loss, _ = model.parse_losses(model(**data, mode='loss'))
        times.append(time.perf_counter())
        optimizer.zero_grad()
        loss.backward()
        times.append(time.perf_counter())
        optimizer.step()
        times.append(time.perf_counter())
        parts.append([after - before for before, after in itertools.pairwise(times)])
    medians = torch.tensor(parts[1:]).median(0).values.tolist()
    return Step(*medians), payload(model)


def payload(model: nn.Module) -> int:
    """Bytes of the gradients of a model in float32."""
    return sum(4 * value.numel() for value in model.parameters() if value.requires_grad)


def main() -> None:
    """Print the assumptions and a row for each number of GPUs."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--config', choices=list(CONFIGS), default=next(iter(CONFIGS)))
    parser.add_argument('--gpus', type=int, nargs='+', default=[1, 8, 64, 512])
    parser.add_argument('--gpu-batch', type=int, default=2, help='images of one GPU, default 2')
    parser.add_argument('--repeats', type=int, default=5, help='steps measured, default 5')
    parser.add_argument(
        '--parts', type=float, nargs=3, metavar='MS', help='instead: forward, backward, optimizer'
    )
    parser.add_argument('--inside', type=float, default=200, help='GB/s in a machine, default 200')
    parser.add_argument('--between', type=float, default=25, help='GB/s of a GPU, default 25')
    parser.add_argument('--latency', type=float, default=10, help='us of a turn, default 10')
    parser.add_argument('--most', type=float, default=64, help='times the batch, default 64')
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.parts:
        step, size = Step(*(value / 1e3 for value in args.parts)), payload(build(args.config))
        source = 'the given time'
    else:
        step, size = measure(args.config, args.gpu_batch, args.repeats)
        source = 'the time that one core of this machine takes, which no GPU will'
    network = Network(args.inside * 1e9, args.between * 1e9, args.latency * 1e-6)
    names = zip(step._fields, step, strict=True)
    print(f'{args.config}: ' + ', '.join(f'{name} {1e3 * value:.1f} ms' for name, value in names))
    print(
        ASSUMPTIONS.format(
            batch=args.gpu_batch, parts=source, megabytes=size / 1e6, inside=args.inside,
            between=args.between, node=PER_NODE, latency=args.latency, limit=args.most,
        )
    )  # fmt: skip
    print('\n| GPUs | images a step | step, ms | of it waiting, ms | images/s | efficiency | lr |')
    print('|---|---|---|---|---|---|---|')
    for gpus in args.gpus:
        seconds, waiting = planned(step, size, gpus, network)
        rate, share = gpus * args.gpu_batch / seconds, sum(step) / seconds
        rule = f'x {min(gpus, args.most):g}'
        print(
            f'| {gpus} | {gpus * args.gpu_batch} | {1e3 * seconds:.1f} | {1e3 * waiting:.2f} '
            f'| {rate:,.0f} | {share:.1%} | {rule} |'
        )
    print('\n' + STRATEGIES.format(model=4 * size / 1e6))


if __name__ == '__main__':
    sys.exit(main())
