"""Clocks of the benchmark: calls in alternation, stages and parts of one call, peak memory.

To time a part alone, everything before it is replaced by results that were computed in advance.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

#: stages of a prediction after the detector, in this order
STAGES = ('proposals', 'sampling', 'transformer', 'attention_and_decode')

#: methods of an ``EmbeddingCNN`` that compute its outputs: all, in windows, at listed cells
_OUTPUTS = ('forward', 'on_windows', 'at_cells')


class Prepared(NamedTuple):
    """A call whose input is computed for each round, without being timed.

    ======= ======================== =========================================
    prepare () -> Any                makes the input
    call    (Any) -> Any             is timed
    ======= ======================== =========================================
    """

    prepare: Callable[[], Any]
    call: Callable[[Any], Any]


def waiter(device: torch.device | str) -> Callable[[], None]:
    """Return a function that waits until a device has finished all work."""
    return torch.cuda.synchronize if torch.device(device).type == 'cuda' else lambda: None


def alternate(
    calls: Mapping[str, Callable[[], Any] | Prepared],
    repeats: int,
    device: torch.device | str = 'cpu',
    limit: float = float('inf'),
    known: Callable[[dict[str, list[float]]], bool] | None = None,
) -> dict[str, list[float]]:
    """Time calls in turn, after one round that is not counted.

    Args:
        calls: what is timed.
        repeats: counted rounds; up to three times as many with ``known``.
        device: waited for on a GPU.
        limit: no round is started that would probably end later than this, in seconds. If there is
            only the first round, it is counted.
        known: says of the counted seconds whether what is wanted of them is known; more rounds are
            made until it is.

    Returns:
        seconds of every counted round, for each call.
    """
    wait = waiter(device)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    begin = time.perf_counter()
    for done in range(repeats * (3 if known else 1) + 1):
        if done > repeats and known and known({k: counted(v) for k, v in seconds.items()}):
            break
        if done and (time.perf_counter() - begin) * (done + 1) / done > limit:
            break
        for name, call in calls.items():
            given = (call.prepare(),) if isinstance(call, Prepared) else ()
            run = call.call if isinstance(call, Prepared) else call
            wait()
            start = time.perf_counter()
            run(*given)
            wait()
            seconds[name].append(time.perf_counter() - start)
    return {name: counted(values) for name, values in seconds.items()}


def counted(values: list[Any]) -> list[Any]:
    """Leave out the first round unless it is the only one."""
    return values[1:] or values


class StageClock:
    """Measures the stages of a prediction while it runs, without changing it.

    A stage lasts from the end of the one before, so that nothing falls between two:
    ``proposals`` from the detector's maps (merging levels and views included) to the chosen
    proposals, ``sampling`` to the first encoder layer, ``transformer`` to the end of the last,
    ``attention_and_decode`` to the poses as numpy arrays.

    Args:
        head: a ``CenterGroupHead``.
        device: waited for at every stamp.
    """

    def __init__(self, head: nn.Module, device: torch.device | str) -> None:
        self.head = head
        self.wait = waiter(device)

    def measure(self, call: Callable[[], Any]) -> dict[str, float]:
        """Run a call that predicts once, and return the seconds of each stage.

        Raises:
            RuntimeError: a stage was not seen.
        """
        stamps: dict[str, float] = {}

        def stamp(name: str) -> None:
            self.wait()
            stamps[name] = time.perf_counter()

        propose, layers = self.head.propose, self.head.neck.layers

        def stamped(*args: Any, **kwargs: Any) -> Any:
            result = propose(*args, **kwargs)
            stamp('proposals')
            return result

        hooks = [
            layers[0].register_forward_pre_hook(lambda *_: stamp('sampling')),
            layers[-1].register_forward_hook(lambda *_: stamp('transformer')),
        ]
        try:
            with replaced(self.head, propose=stamped):
                stamp('begin')
                call()
                stamp('attention_and_decode')
        finally:
            for hook in hooks:
                hook.remove()
        missing = [stage for stage in STAGES if stage not in stamps]
        if missing:
            raise RuntimeError(f'the prediction did not pass through {", ".join(missing)}')
        times = [stamps['begin'], *(stamps[stage] for stage in STAGES)]
        spans = zip(STAGES, times[1:], times[:-1], strict=True)
        return {stage: end - begin for stage, end, begin in spans}


@contextmanager
def replaced(owner: Any, **functions: Callable[..., Any]) -> Iterator[None]:
    """Replace methods of one object temporarily.

    Args:
        owner: the object.
        functions: what to put there, by name of the method.

    Raises:
        RuntimeError: nothing called any of them, so that what was meant to be replaced was not.
    """
    used = False

    def noticing(function: Callable[..., Any]) -> Callable[..., Any]:
        def noticed(*args: Any, **kwargs: Any) -> Any:
            nonlocal used
            used = True
            return function(*args, **kwargs)

        return noticed

    for name, function in functions.items():
        setattr(owner, name, noticing(function))
    try:
        yield
    finally:
        for name in functions:
            delattr(owner, name)
    if not used:
        raise RuntimeError(f'{type(owner).__name__}.{"/".join(functions)} was not called')


def recorded(neck: nn.Module, call: Callable[[], Any]) -> list[Tensor]:
    """Return the outputs of the embedding CNNs of a ``CenterGroupNeck`` during a call, in order.

    Which maps, windows or cells the neck wants depends on the proposals; so one call is recorded,
    and others get the same answers at once.  Choosing, cutting and reading remain.
    """
    answers: list[Tensor] = []

    def keep(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run(*args: Tensor) -> Tensor:
            answers.append(function(*args))
            return answers[-1]

        return run

    with ExitStack() as stack:
        for cnn in (neck.keypoint_embed, neck.center_embed):
            functions = {name: keep(getattr(cnn, name)) for name in _OUTPUTS}
            stack.enter_context(replaced(cnn, **functions))
        call()
    return answers


@contextmanager
def convolved(neck: nn.Module, answers: list[Tensor]) -> Iterator[None]:
    """Let the embedding CNNs return recorded outputs, for one call.

    Raises:
        RuntimeError: a CNN was not called, so that nothing was left out.
    """
    following = iter(answers)

    def answer(*_: Tensor) -> Tensor:
        return next(following)

    with ExitStack() as stack:
        for cnn in (neck.keypoint_embed, neck.center_embed):
            stack.enter_context(replaced(cnn, **dict.fromkeys(_OUTPUTS, answer)))
        yield


def peak_memory(call: Callable[[], Any], device: torch.device | str = 'cpu') -> int:
    """Peak memory that a call allocates in addition to weights and inputs, in bytes.

    The allocator's own number on a GPU; on a CPU the running sum of the profiler's records,
    which leaves out what libraries allocate past PyTorch.
    """
    if torch.device(device).type == 'cuda':
        call()  # libraries set up their workspaces
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        call()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'trace.json'
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text())['traceEvents']
    records = [event for event in events if event.get('name') == '[memory]']
    total = peak = 0
    for record in sorted(records, key=lambda record: record['ts']):
        total += record['args']['Bytes']
        peak = max(peak, total)
    return peak


def interval(values: Sequence[float]) -> tuple[float, float]:
    """An interval that holds the median of what the values are drawn from, nine times in ten.

    The bounds are values themselves (order statistics), so that nothing is assumed of the
    distribution: the median is outside if fewer than k of n tosses of a coin are heads, or tails.

    Args:
        values: in any order.

    Returns:
        low and high; of fewer than five values all that is known is nothing, (-inf, inf).
    """
    ordered, number = sorted(values), len(values)
    kept, outside = 0, 0.0
    while kept < number // 2:
        outside += 2 * math.comb(number, kept) / 2**number
        if outside > 0.1:
            break
        kept += 1
    return (ordered[kept - 1], ordered[-kept]) if kept else (-math.inf, math.inf)


def summary(values: list[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, middle, high = (
        statistics.quantiles(values, n=4, method='inclusive') if len(values) > 1 else 3 * values
    )
    return dict(median=middle, low=low, high=high)
