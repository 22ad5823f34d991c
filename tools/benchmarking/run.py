"""What grouping costs beside the detector, measured in one process and in alternation."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.logging import print_log

from centergroup_mm.utils.memory import keep_freed_memory

from .case import Case, compiled_calls
from .clock import STAGES, alternate, counted, peak_memory, summary
from .machine import machine
from .options import Options
from .ratios import END_TO_END, LARGE_BATCH, PEOPLE, comparisons_known, ratio_details
from .workload import Workload


class Measured(NamedTuple):
    """Everything that was measured; times are seconds of each round by name of the call.

    ======== ================ ==========================================================
    groups   list of dicts    results of :func:`measure_case`, first where ratios are taken
    whole    dict of lists    whole predictions beside those with AE, or nothing
    batches  dict of lists    ``single`` image and ``eight``, or nothing
    training dict of lists    training steps, or nothing
    graphs   dict of lists    the compiled model beside itself, or nothing
    memory   dict of floats   see :func:`measure_memory`, or nothing
    ======== ================ ==========================================================
    """

    groups: list[dict[str, Any]]
    whole: dict[str, list[float]]
    batches: dict[str, list[float]]
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
        :func:`measure_case`), ``whole``, ``batches``, ``training``, ``compiled`` and ``memory_mb``,
        ``baseline`` (its name and label, or None), ``notes`` and ``conditions``.
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
        batches={key: summary(values) for key, values in found.batches.items()},
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
    images = max(options.train_batch, *(batch for _, _, batch in options.combinations))
    found = Measured([], {}, {}, {}, {}, {})
    reference = scenes = None
    for size, flip, batch in options.combinations:
        if scenes is None or scenes.size != size:
            scenes = work.scenes(size, images, max(options.counts))
        case = Case(work, scenes, batch, flip)
        left = end - time.perf_counter()
        if reference is None:
            reference = case
            measure_reference(case, options, end, found)
        elif not options.only:
            found.groups.append(measure_case(case, options, min(options.seconds, left)))
        is_large = (size, flip, batch) == (options.sizes[0], True, LARGE_BATCH)
        if is_large and options.wants('batches'):
            found.batches.update(measure_batches(reference, case, options, end))
    return found


def measure_reference(case: Case, options: Options, end: float, found: Measured) -> None:
    """Everything where ratios are taken, into ``found``; see :func:`measure`."""
    if not options.only:
        # half of the time is left to training
        limit = min(options.seconds, (end - time.perf_counter()) / 2)
        found.groups.append(measure_case(case, options, limit))
    if options.wants('whole') and math.isinf(options.total):
        found.whole.update(measure_whole(case, options))
    if not options.only:
        announce('peak memory')
        found.memory.update(measure_memory(case))
    if options.wants('training'):
        announce('training step')
        steps = case.work.training_calls(case.scenes, options.train_batch, PEOPLE)
        limit = min(options.seconds, end - time.perf_counter())
        found.training.update(alternate(steps, options.repeats, options.device, limit))
    if options.compiled:
        announce('compiled model')
        calls = compiled_calls(case.work, case.scenes.size)
        found.graphs.update(alternate(calls, options.repeats, options.device))


def announce(what: str) -> None:
    """Tell what is measured next."""
    print_log(f'measuring: {what}', logger='current')


def measure_case(case: Case, options: Options, limit: float) -> dict[str, Any]:
    """Time everything of one size, batch and flip test.

    Args:
        case: what is timed.
        options: with the numbers of people and of rounds.
        limit: about the most seconds, see :func:`~benchmarking.clock.alternate`.

    Returns:
        ``size``, ``batch``, ``flip``, ``rounds``, ``seconds`` (medians and quartiles of each
        call), ``stages`` (the same for each number of people and stage) and ``rounds_of``
        (the seconds of each round).
    """
    (width, height), flip = case.scenes.size, 'on' if case.flip else 'off'
    announce(f'{width}x{height}, batch {case.batch}, flip test {flip}')
    calls = case.calls(options.counts, [PEOPLE])
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


def measure_batches(
    single: Case, eight: Case, options: Options, end: float
) -> dict[str, list[float]]:
    """Time whole predictions of one image and of eight at once."""
    announce('whole predictions of one image and of eight')
    calls = {
        name: case.end_to_end([PEOPLE])[f'end_to_end@{PEOPLE}']
        for name, case in (('single', single), ('eight', eight))
    }
    limit = min(options.seconds, end - time.perf_counter())
    return alternate(calls, options.repeats, options.device, limit)


def measure_memory(case: Case) -> dict[str, float]:
    """Peak memory of the detector and of a whole prediction in MB, beyond weights and inputs."""
    levels, device = case.levels(PEOPLE), case.work.device
    return dict(
        detector=peak_memory(case.detector, device) / 2**20,
        predict=peak_memory(lambda: case.predict(levels), device) / 2**20,
    )
