"""Where the time of a prediction goes, beside what the processor could do (roofline)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.memory import keep_freed_memory

from .case import Case
from .clock import Prepared, alternate
from .machine import machine
from .ratios import END_TO_END, MANY, PEOPLE
from .workload import Workload

#: outputs of these are views, which move nothing
_VIEWS = ('view', 'reshape', 'expand', 'permute', 'transpose', 't', 'slice', 'select', 'unsqueeze')
_VIEWS += ('squeeze', 'detach', 'unbind', 'split', 'split_with_sizes', 'alias', 'as_strided')


class ByteCounter(TorchDispatchMode):
    """Adds up the bytes that operators read and write, each input and output once.

    Attributes:
        total: bytes so far. What stays in a cache counts too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run one operator and count."""
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ not in _VIEWS:
            tensors = [x for x in tree_leaves((args, result)) if isinstance(x, Tensor)]
            self.total += sum(x.numel() * x.element_size() for x in tensors)
        return result


def work_of(call: Callable[[], Any]) -> tuple[float, float]:
    """Floating-point operations (two for a multiplication with addition) and bytes of a call."""
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        call()
    with torch.no_grad(), ByteCounter() as moved:
        call()
    return float(flops.get_total_flops()), float(moved.total)


def machine_peaks(repeats: int = 5) -> tuple[float, float]:
    """What the cores do at best: FLOP/s of a product of matrices, bytes/s of a copy."""
    one, two = torch.rand(2048, 2048), torch.rand(2048, 2048)
    source, target = torch.rand(2**26), torch.empty(2**26)
    best = [float('inf')] * 2
    for _ in range(repeats):
        for index, call in enumerate((lambda: one @ two, lambda: target.copy_(source))):
            start = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - start)
    return 2 * 2048**3 / best[0], 2 * source.nbytes / best[1]


def parts(case: Case, people: int) -> dict[str, Prepared]:
    """The parts of a prediction, each with what comes before it already computed."""
    return {
        'backbone': Prepared(lambda: None, lambda _: case.extract()),
        'heads of the detector': Prepared(
            lambda: case.view_levels, lambda levels: case.head.detector.detect(levels)
        ),
        'embedding convolutions': Prepared(lambda: case.proposals(people), case.embed),
        'the rest': Prepared(
            lambda: (case.maps(people), case.convolved(people)),
            lambda given: case.post_detector(*given),
        ),
    }


def roofline(case: Case, counts: Sequence[int], repeats: int) -> str:
    """Measure the parts and write them as a Markdown table.

    The least time is that at which either the arithmetic or the traffic would be at the measured
    peak. Traffic within the cache counts too, so that it is not a strict bound.

    Args:
        case: what is measured.
        counts: numbers of people.
        repeats: rounds.
    """
    flops, traffic = machine_peaks()
    lines = [
        f'{flops / 1e9:.0f} GFLOP/s (product of matrices of 2048), {traffic / 1e9:.1f} GB/s '
        '(copy of 256 MB)',
        '',
        '| part | people | ms | share | GFLOP | GB | GFLOP/s | GB/s | least ms |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for people in counts:
        calls = parts(case, people)
        with torch.no_grad():
            seconds = {
                name: statistics.median(values)
                for name, values in alternate(calls, repeats).items()
            }
        whole = sum(seconds.values())
        for name, call in calls.items():
            given = call.prepare()
            done, moved = work_of(lambda call=call, given=given: call.call(given))
            spent = seconds[name]
            least = max(done / flops, moved / traffic)
            lines.append(
                f'| {name} | {people} | {1e3 * spent:.0f} | {spent / whole:.2f} | '
                f'{done / 1e9:.2f} | {moved / 1e9:.2f} | {done / spent / 1e9:.0f} | '
                f'{moved / spent / 1e9:.1f} | {1e3 * least:.0f} |'
            )
    return '\n'.join(lines)


def operators(case: Case, people: int, rows: int = 8) -> str:
    """The operators of a prediction that take most of the time, as a Markdown table."""
    levels = case.levels(people)
    case.predict(levels)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        case.predict(levels)
    events = sorted(profile.key_averages(), key=lambda event: -event.self_cpu_time_total)
    whole = sum(event.self_cpu_time_total for event in events)
    lines = [f'| operator, {people} people | calls | share |', '|---|---|---|']
    lines += [
        f'| `{event.key}` | {event.count} | {event.self_cpu_time_total / whole:.3f} |'
        for event in events[:rows]
    ]
    return '\n'.join(lines)


def training_arithmetic(case: Case, people: int) -> str:
    """What a training step computes beside one of the detector alone, forward and backward.

    Embedding convolutions run on whole maps in training, because batch norms need their statistics,
    so that this ratio bounds from below what a step costs where both are as efficient.
    """
    calls = case.work.training_calls(case.scenes, 1, people)
    counts = {}
    for name in ('train_detector', 'train_step'):
        with FlopCounterMode(display=False) as flops:
            calls[name]()
        counts[name] = flops.get_total_flops() / 1e9
    whole, detector = counts['train_step'], counts['train_detector']
    return (
        f'a training step computes {whole:.1f} GFLOP an image, that of the detector alone '
        f'{detector:.1f}: {whole / detector:.3f}'
    )


def run_roofline(
    name: str, cfg: Config, size: tuple[int, int], repeats: int, threads: int, device: str
) -> str:
    """All tables of where the time goes.

    Args:
        name: of the config.
        cfg: of a ``BottomupPoseEstimator`` with a ``CenterGroupHead``.
        size: (w, h) of the network input in pixels.
        repeats: rounds.
        threads: of the processor.
        device: ``cpu``.

    Raises:
        UserError: on a GPU.
    """
    if device != 'cpu':
        raise UserError('--roofline measures CPUs: use --device cpu')
    torch.set_num_threads(threads)
    keep_freed_memory()
    work = Workload(cfg, device)
    case = Case(work, work.scenes(size, 1, MANY), 1, True)
    return '\n\n'.join(
        [
            f'{name}, {machine("cpu")}, {threads} threads, torch {torch.__version__}',
            roofline(case, END_TO_END, repeats),
            operators(case, MANY),
            training_arithmetic(case, PEOPLE),
        ]
    )
