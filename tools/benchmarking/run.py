"""What grouping costs beside the detector, measured in one process and in alternation."""

from __future__ import annotations

import itertools
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.memory import keep_freed_memory

from .case import Case
from .clock import STAGES, alternate, counted, peak_memory, summary
from .compiled import compiled_calls
from .ratios import FEW, LARGE_BATCH, MANY, PEOPLE, crowded, inference_ratios, judge
from .workload import Workload

Size = tuple[int, int]


def run_benchmark(
    config: str,
    cfg: Config,
    sizes: Sequence[Size] = ((512, 512), (832, 512)),
    people: Sequence[int] = (1, 5, 10, 20, 25, 30),
    batches: Sequence[int] = (1, 8),
    flips: Sequence[bool] = (True, False),
    repeats: int = 10,
    threads: int = 2,
    device: str = 'cpu',
    train_batch: int = 2,
    seconds: float = float('inf'),
    total: float = float('inf'),
    compiled: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure all of it.

    The first size with flip test, batch 1 and 1, 25 and 30 people is always measured, as the
    ratios are taken there.

    Args:
        config: name of the config, for the report.
        cfg: the config itself; its weights are random.
        sizes: (w, h) of the network input in pixels, multiples of 32.
        people: numbers of people in an image.
        batches: images at once.
        flips: with flip test, without.
        repeats: counted rounds.
        threads: of PyTorch on the CPU.
        device: ``cpu`` or ``cuda``.
        train_batch: images of a training step.
        seconds: about the most for each combination of size, batch and flip test, and for the
            training step; see :func:`alternate`.
        total: about the most for all, in seconds; every call is made at least once.
        compiled: also compile the model, which takes minutes, and measure it.
        log: is told what is measured next.

    Returns:
        ``ratios`` (a number each), ``ratio_details`` (for each what :func:`judge` returns),
        ``inference`` (a list of :func:`measure_case`), ``training``, ``compiled`` and
        ``memory_mb``, ``notes`` and ``conditions``.

    Raises:
        UserError: an argument is out of range, or there is no such device.
    """
    check_arguments(sizes, people, batches, repeats, threads, device)
    begin = time.perf_counter()
    torch.set_num_threads(threads)
    if device == 'cpu':
        keep_freed_memory()  # as tools/train.py
    work = Workload(cfg, device)
    people = sorted({*people, FEW, PEOPLE, MANY})
    images = max(train_batch, *batches)

    def left() -> float:
        return total - (time.perf_counter() - begin)

    groups, reference, scenes = [], None, None
    graphs: dict[str, list[float]] = {}
    for size, flip, batch in combinations(sizes, flips, batches):
        log(f'{size[0]}x{size[1]}, batch {batch}, flip test {"on" if flip else "off"}')
        if scenes is None or scenes.size != size:
            scenes = work.scenes(size, images, max(people))
        case = Case(work, scenes, batch, flip)
        beside = {}
        if reference is not None and (size, flip, batch) == (sizes[0], True, LARGE_BATCH):
            beside = dict(single=reference.calls(people, PEOPLE)[f'end_to_end@{PEOPLE}'])
        # the first leaves half of the time to training
        limit = min(seconds, left() / (2 if reference is None else 1))
        groups.append(measure_case(case, people, repeats, limit, beside))
        if reference is None:
            reference = case
            log('peak memory')
            memory = measure_memory(case)
            log('training step')
            steps = work.training_calls(scenes, train_batch, PEOPLE)
            training = alternate(steps, repeats, device, min(seconds, left()))
            if compiled:
                log('compiled model')
                graphs = alternate(compiled_calls(work, size), repeats, device)

    common = dict(size=list(sizes[0]), device=device, threads=threads)
    details = ratio_details(groups, training, train_batch, memory, graphs, common)
    return dict(
        ratios={name: detail['median'] for name, detail in details.items()},
        ratio_details=details,
        inference=[
            {key: value for key, value in group.items() if key != 'rounds_of'} for group in groups
        ],
        training={name: summary(values) for name, values in training.items()},
        compiled={name: summary(values) for name, values in graphs.items()},
        memory_mb=memory,
        notes=list(work.notes),
        conditions=dict(
            config=config,
            weights='random',
            maps='painted from synthetic crowds',
            batch_train=train_batch,
            mixed_precision_train=work.amp,
            device=device,
            threads=threads,
            torch=torch.__version__,
            machine=machine(device),
            seconds_taken=round(time.perf_counter() - begin, 1),
        ),
    )


def combinations(
    sizes: Sequence[Size], flips: Sequence[bool], batches: Sequence[int]
) -> list[tuple[Size, bool, int]]:
    """All that is measured, size by size; first the one at which ratios are taken."""
    chosen = dict.fromkeys([(sizes[0], True, 1), *itertools.product(sizes, flips, batches)])
    return sorted(chosen, key=lambda entry: sizes.index(entry[0]))


def measure_case(
    case: Case,
    people: Sequence[int],
    repeats: int,
    limit: float,
    beside: dict[str, Callable[[], Any]],
) -> dict[str, Any]:
    """Time everything of one size, batch and flip test.

    Args:
        case: what is timed.
        people: numbers of people.
        repeats, limit: see :func:`alternate`.
        beside: further calls in the same rounds.

    Returns:
        ``size``, ``batch``, ``flip``, ``rounds``, ``seconds`` (medians and quartiles of each
        call), ``stages`` (the same for each number of people and stage) and ``rounds_of``
        (the seconds of each round).
    """
    calls = {**case.calls(people, PEOPLE), **beside}
    found = alternate(calls, repeats, case.work.device, limit)
    rounds = {name: values for name, values in found.items() if not name.startswith('stages@')}
    stages = {
        str(count): {
            stage: summary([entry[stage] for entry in counted(case.stage_seconds[count])])
            for stage in STAGES
        }
        for count in people
    }
    return dict(
        size=list(case.scenes.size),
        batch=case.batch,
        flip=case.flip,
        rounds=len(rounds['detector']),
        seconds={name: summary(values) for name, values in rounds.items()},
        stages=stages,
        rounds_of=rounds,
    )


def measure_memory(case: Case) -> dict[str, float]:
    """Peak memory of the detector and of a whole prediction in MB, beyond weights and inputs."""
    levels, device = case.levels(PEOPLE), case.work.device
    return dict(
        detector=peak_memory(case.detector, device) / 2**20,
        predict=peak_memory(lambda: case.predict(levels), device) / 2**20,
    )


def ratio_details(
    groups: Sequence[dict[str, Any]],
    training: dict[str, list[float]],
    train_batch: int,
    memory: dict[str, float],
    graphs: dict[str, list[float]],
    common: dict[str, Any],
) -> dict[str, dict[str, Any]]:
    """Every ratio with its conditions and target; the first group is where most are taken."""
    test = dict(people=PEOPLE, flip=True, batch=1, **common)
    special = {
        'growth_1_to_30_over_detector': dict(people=[FEW, MANY]),
        'ae_decode_over_grouping': dict(people=crowded(groups[0]['rounds_of'])),
        'ae_decode_over_grouping_with_embedding': dict(people=crowded(groups[0]['rounds_of'])),
    }
    details = {
        name: judge(name, values, {**test, **special.get(name, {})})
        for name, values in inference_ratios(groups[0]['rounds_of']).items()
    }
    for name, below in (
        ('train_step_over_detector', 'train_detector'),
        ('train_step_over_frozen_detector', 'train_frozen'),
    ):
        pairs = zip(training['train_step'], training[below], strict=True)
        ratios = [whole / detector for whole, detector in pairs]
        details[name] = judge(name, ratios, {**test, 'flip': False, 'batch': train_batch})
    details['extra_peak_memory_mb'] = judge(
        'extra_peak_memory_mb', [memory['predict'] - memory['detector']], test
    )
    if graphs:
        pairs = zip(graphs['graph_eager'], graphs['graph_compiled'], strict=True)
        details['eager_over_compiled'] = judge(
            'eager_over_compiled',
            [eager / compiled for eager, compiled in pairs],
            {**test, 'people': 'any number of'},
        )
    for group in groups:
        if 'single' in group['rounds_of']:
            rounds = group['rounds_of']
            pairs = zip(rounds['single'], rounds[f'end_to_end@{PEOPLE}'], strict=True)
            details['throughput_8_over_1'] = judge(
                'throughput_8_over_1',
                [LARGE_BATCH * single / batch for single, batch in pairs],
                {**test, 'batch': [1, LARGE_BATCH]},
            )
    return details


def check_arguments(
    sizes: Sequence[Size],
    people: Sequence[int],
    batches: Sequence[int],
    repeats: int,
    threads: int,
    device: str,
) -> None:
    """Raise a UserError where something is out of range."""
    for size in sizes:
        if min(size) < 64 or any(side % 32 for side in size):
            raise UserError(f'--size must be multiples of 32 from 64 on, got {size[0]} {size[1]}')
    if min([*people, *batches, repeats, threads]) < 1:
        raise UserError('--people, --batch, --repeats and --threads must be at least 1')
    if device.startswith('cuda') and not torch.cuda.is_available():
        raise UserError('no CUDA device here: use --device cpu')


def machine(device: str) -> str:
    """Return the kind of processor that was measured."""
    if device.startswith('cuda'):
        return torch.cuda.get_device_name()
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()
