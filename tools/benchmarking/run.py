"""What grouping costs beside the detector, measured in one process and in alternation."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.logging import print_log

from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.memory import keep_freed_memory

from .case import Case, compiled_calls
from .clock import STAGES, alternate, counted, peak_memory, summary
from .machine import machine
from .ratios import (
    END_TO_END,
    FEW,
    LARGE_BATCH,
    MANY,
    PEOPLE,
    comparisons_known,
    ratio_details,
)
from .workload import Workload

Size = tuple[int, int]


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
        only_whole: whole predictions beside those with AE, and nothing else.
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
    only_whole: bool = False
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
        chosen = dict.fromkeys([(self.sizes[0], True, 1), *product])
        return sorted(chosen, key=lambda entry: self.sizes.index(entry[0]))


class Measured(NamedTuple):
    """Everything that was measured; times are seconds of each round by name of the call.

    ======== ================ ==========================================================
    groups   list of dicts    results of :func:`measure_case`, first where ratios are taken
    whole    dict of lists    whole predictions beside those with AE, or nothing
    training dict of lists    training steps
    graphs   dict of lists    the compiled model beside itself, or nothing
    memory   dict of floats   see :func:`measure_memory`, or nothing
    ======== ================ ==========================================================
    """

    groups: list[dict[str, Any]]
    whole: dict[str, list[float]]
    training: dict[str, list[float]]
    graphs: dict[str, list[float]]
    memory: dict[str, float]


def run_benchmark(name: str, cfg: Config, options: Options | None = None) -> dict[str, Any]:
    """Measure all of it.

    Args:
        name: of the config, for the report.
        cfg: the config itself; its weights are random.
        options: what is measured.

    Returns:
        ``ratios`` (a number each), ``ratio_details`` (for each what
        :func:`~benchmarking.ratios.judge` returns), ``inference`` (a list of
        :func:`measure_case`), ``training``, ``compiled`` and ``memory_mb``, ``baseline`` (its
        name and label, or None), ``notes`` and ``conditions``.
    """
    options = options or Options()
    begin = time.perf_counter()
    torch.set_num_threads(options.threads)
    if options.device == 'cpu':
        keep_freed_memory()  # as tools/train.py
    work = Workload(cfg, options.device, options.baseline)
    found = measure(work, options, end=begin + options.total)
    details = ratio_details(
        *found,
        train_batch=options.train_batch,
        common=dict(size=list(options.sizes[0]), device=options.device, threads=options.threads),
    )
    timed = [value for key, value in details.items() if key != 'extra_peak_memory_mb']
    rough = any(detail['rounds'] == 1 for detail in timed)
    baseline = work.baseline
    return dict(
        ratios={key: detail['median'] for key, detail in details.items()},
        ratio_details=details,
        inference=[
            {key: value for key, value in group.items() if key != 'rounds_of'}
            for group in found.groups
        ],
        whole={key: summary(values) for key, values in found.whole.items()},
        training={key: summary(values) for key, values in found.training.items()},
        compiled={key: summary(values) for key, values in found.graphs.items()},
        memory_mb=found.memory,
        baseline=None if baseline is None else dict(name=baseline.name, label=baseline.label),
        notes=['one round only of some calls: a rough look'] if rough else [],
        conditions=dict(
            config=name,
            weights='random',
            maps='painted from synthetic crowds',
            batch_train=options.train_batch,
            mixed_precision_train=work.amp,
            device=options.device,
            threads=options.threads,
            torch=torch.__version__,
            machine=machine(options.device),
            seconds_taken=round(time.perf_counter() - begin, 1),
        ),
    )


def measure(work: Workload, options: Options, end: float) -> Measured:
    """Time all combinations, and where ratios are taken also memory and training.

    Args:
        work: the model.
        options: what is measured.
        end: of ``time.perf_counter``, when it should be over.
    """
    images = max(options.train_batch, *options.batches)
    groups: list[dict[str, Any]] = []
    whole: dict[str, list[float]] = {}
    training: dict[str, list[float]] = {}
    graphs: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    reference = scenes = None
    for size, flip, batch in options.combinations:
        announce(f'{size[0]}x{size[1]}, batch {batch}, flip test {"on" if flip else "off"}')
        if scenes is None or scenes.size != size:
            scenes = work.scenes(size, images, max(options.counts))
        case = Case(work, scenes, batch, flip)
        left = end - time.perf_counter()
        if reference is None:
            reference = case
            # half of the time is left to training
            limit = min(options.seconds, left / 2)
            if not options.only_whole:
                groups.append(measure_case(case, options, limit))
            if math.isinf(options.total):
                whole = measure_whole(case, options)
            if options.only_whole:
                break
            announce('peak memory')
            memory = measure_memory(case)
            announce('training step')
            steps = work.training_calls(scenes, options.train_batch, PEOPLE)
            limit = min(options.seconds, end - time.perf_counter())
            training = alternate(steps, options.repeats, options.device, limit)
            if options.compiled:
                announce('compiled model')
                graphs = alternate(compiled_calls(work, size), options.repeats, options.device)
            continue
        beside = {}
        if (size, flip, batch) == (options.sizes[0], True, LARGE_BATCH):
            beside = dict(single=reference.end_to_end([PEOPLE])[f'end_to_end@{PEOPLE}'])
        groups.append(measure_case(case, options, min(options.seconds, left), beside))
    return Measured(groups, whole, training, graphs, memory)


def announce(what: str) -> None:
    """Tell what is measured next."""
    print_log(f'measuring: {what}', logger='current')


def measure_case(
    case: Case,
    options: Options,
    limit: float,
    beside: dict[str, Callable[[], Any]] | None = None,
) -> dict[str, Any]:
    """Time everything of one size, batch and flip test.

    Args:
        case: what is timed.
        options: with the numbers of people and of rounds.
        limit: about the most seconds, see :func:`~benchmarking.clock.alternate`.
        beside: further calls in the same rounds.

    Returns:
        ``size``, ``batch``, ``flip``, ``rounds``, ``seconds`` (medians and quartiles of each
        call), ``stages`` (the same for each number of people and stage) and ``rounds_of``
        (the seconds of each round).
    """
    calls = {**case.calls(options.counts, [PEOPLE]), **(beside or {})}
    found = alternate(calls, options.repeats, case.work.device, limit)
    rounds = {name: values for name, values in found.items() if not name.startswith('stages@')}
    stages = {
        str(count): {
            stage: summary([entry[stage] for entry in counted(case.stage_seconds[count])])
            for stage in STAGES
        }
        for count in options.counts
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


def measure_whole(case: Case, options: Options) -> dict[str, list[float]]:
    """Time whole predictions beside those with AE, until it is known which are faster.

    They get twice the seconds of other combinations, as they are what users wait for.
    """
    announce('whole predictions, ours and with associative embedding')
    calls = case.end_to_end(END_TO_END)
    limit = 2 * options.seconds
    return alternate(calls, options.repeats, case.work.device, limit, comparisons_known)


def measure_memory(case: Case) -> dict[str, float]:
    """Peak memory of the detector and of a whole prediction in MB, beyond weights and inputs."""
    levels, device = case.levels(PEOPLE), case.work.device
    return dict(
        detector=peak_memory(case.detector, device) / 2**20,
        predict=peak_memory(lambda: case.predict(levels), device) / 2**20,
    )
