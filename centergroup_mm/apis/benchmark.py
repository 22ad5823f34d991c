"""What grouping costs beside the detector, measured in one process and in alternation."""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from .benchmark_workload import Workload
from .errors import UserError

#: ratio -> highest value wanted at 512x512 with flip test on a CPU
TARGETS = {
    'post_detector_over_detector': 0.5,
    'train_step_over_detector': 1.5,
    'peak_memory_over_detector': 1.5,
}
#: ratio -> the two timed calls it compares
_COMPARED = {
    'post_detector_over_detector': ('post_detector', 'detector'),
    'embedding_over_detector': ('embedding', 'detector'),
    'train_step_over_detector': ('train_step', 'train_detector'),
}
_LABELS = {
    'detector': 'detector, image and mirror',
    'embedding': 'embedding convolutions',
    'post_detector': 'everything else after the detector',
    'train_detector': 'training step, detector alone',
    'train_step': 'training step, whole model',
    'post_detector_over_detector': 'after the detector / detector',
    'embedding_over_detector': 'embedding convolutions / detector',
    'train_step_over_detector': 'training step / detector alone',
    'peak_memory_over_detector': 'peak memory at test / detector alone',
}


def alternate(
    calls: Mapping[str, Callable[[], Any]],
    repeats: int,
    device: torch.device | str = 'cpu',
    limit: float = float('inf'),
) -> dict[str, list[float]]:
    """Time calls in turn, after one round that is not counted.

    Args:
        calls: what is timed.
        repeats: counted rounds.
        device: waited for on a GPU.
        limit: no round starts that would probably end later than this, in seconds. If that
            leaves the first round only, that one is counted.

    Returns:
        seconds of every counted round, for each call.
    """
    wait = torch.cuda.synchronize if torch.device(device).type == 'cuda' else lambda: None
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    begin = time.perf_counter()
    for done in range(repeats + 1):
        if done and (time.perf_counter() - begin) * (done + 1) / done > limit:
            break
        for name, call in calls.items():
            wait()
            start = time.perf_counter()
            call()
            wait()
            seconds[name].append(time.perf_counter() - start)
    return {name: values[1:] or values for name, values in seconds.items()}


def peak_memory(call: Callable[[], Any], device: torch.device | str = 'cpu') -> int:
    """Peak of what a call allocates beyond what was there before, weights and inputs, in bytes.

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


def run_benchmark(
    config: str,
    cfg: Config,
    size: tuple[int, int] = (512, 512),
    people: int = 25,
    repeats: int = 10,
    threads: int = 2,
    device: str = 'cpu',
    limit: float = float('inf'),
) -> dict[str, Any]:
    """Measure all of it.

    Args:
        config: name of the config, for the report.
        cfg: the config itself; its weights are random.
        size: (w, h) of the network input in pixels, multiples of 32.
        people: in each image.
        repeats: counted rounds.
        threads: of PyTorch on the CPU.
        device: ``cpu`` or ``cuda``.
        limit: seconds for all rounds together, about; see :func:`alternate`.

    Returns:
        ``ratios`` (medians over rounds), ``spread`` (their quartiles), ``seconds`` of the calls,
        ``memory_mb``, ``targets`` and ``conditions``.
    """
    if min(size) < 64 or any(side % 32 for side in size):
        raise UserError(f'--size must be multiples of 32 from 64 on, got {size[0]} {size[1]}')
    if min(people, repeats, threads) < 1:
        raise UserError('--people, --repeats and --threads must be at least 1')
    if device.startswith('cuda') and not torch.cuda.is_available():
        raise UserError('no CUDA device here: use --device cpu')
    torch.set_num_threads(threads)
    work = Workload(cfg, size, people, device)
    seconds = alternate(work.inference_calls(), repeats, device, limit / 3)
    memory = {
        'detector': peak_memory(work.detector, device) / 2**20,
        'predict': peak_memory(work.predict, device) / 2**20,
    }
    seconds |= alternate(work.training_calls(), repeats, device, 2 * limit / 3)
    spread = {
        name: summary([a / b for a, b in zip(seconds[part], seconds[whole], strict=True)])
        for name, (part, whole) in _COMPARED.items()
    }
    ratios = {name: values['median'] for name, values in spread.items()}
    ratios['peak_memory_over_detector'] = memory['predict'] / memory['detector']
    ratios['extra_peak_memory_mb'] = memory['predict'] - memory['detector']
    return dict(
        ratios=ratios,
        targets=TARGETS,
        spread=spread,
        seconds={name: summary(values) for name, values in seconds.items()},
        memory_mb=memory,
        conditions=dict(
            config=config,
            weights='random',
            size=list(size),
            people=people,
            flip_test=True,
            batch_test=1,
            batch_train=len(work.images),
            mixed_precision_train=work.amp,
            device=device,
            threads=threads,
            repeats={name: len(values) for name, values in seconds.items()},
            torch=torch.__version__,
            machine=machine(device),
        ),
    )


def summary(values: list[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, middle, high = (
        statistics.quantiles(values, n=4, method='inclusive') if len(values) > 1 else 3 * values
    )
    return dict(median=middle, low=low, high=high)


def machine(device: str) -> str:
    """Return the kind of processor that was measured."""
    if device.startswith('cuda'):
        return torch.cuda.get_device_name()
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def format_report(result: Mapping[str, Any]) -> str:
    """Write the measurements as a table."""
    given = result['conditions']
    counts = given['repeats']
    lines = [
        f'{given["config"]} with random weights, {given["size"][0]}x{given["size"][1]}, '
        f'{given["people"]} people an image',
        f'{given["machine"]}, {given["device"]}, {given["threads"]} threads, '
        f'torch {given["torch"]}',
        '',
        f'{"milliseconds":38}{"median":>9}{"quartiles":>19}{"rounds":>8}',
    ]
    for name, values in result['seconds'].items():
        low, middle, high = (1000 * values[key] for key in ('low', 'median', 'high'))
        between = f'{low:.1f} .. {high:.1f}'
        lines.append(f'{_LABELS[name]:38}{middle:9.1f}{between:>19}{counts[name]:8}')
    lines += ['', f'{"ratio":38}{"median":>9}{"quartiles":>19}{"wanted":>10}']
    for name, value in result['ratios'].items():
        if name not in _LABELS:
            continue
        spread = result['spread'].get(name)
        between = f'{spread["low"]:.3f} .. {spread["high"]:.3f}' if spread else ''
        target = result['targets'].get(name)
        wanted = '' if target is None else f'<= {target}' + (' missed' if value > target else '')
        lines.append(f'{_LABELS[name]:38}{value:9.3f}{between:>19}{wanted:>10}')
    memory = result['memory_mb']
    lines += [
        '',
        f'peak memory of test at batch 1 beyond weights: detector {memory["detector"]:.0f} MB, '
        f'whole prediction {memory["predict"]:.0f} MB '
        f'({result["ratios"]["extra_peak_memory_mb"]:+.0f} MB)',
    ]
    if min(counts.values()) == 1:
        lines.append('one round only of some calls: a rough look')
    return '\n'.join(lines)
