"""The measurements of the benchmark as tables and plots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from .ratios import PEOPLE, TARGETS

#: names of the plots in their folder
FILES = ('time_by_people.png', 'where_time_goes.png')

_LABELS = {
    'detector': 'detector, all views',
    'stock_detector': '  not fused',
    'embedding': 'embedding convolutions',
    'post_detector': 'detector\'s maps to poses',
    'proposals': '  proposals (with merging)',
    'sampling': '  sampling',
    'transformer': '  transformer',
    'attention_and_decode': '  attention and decode',
    'grouping': 'merged maps to poses',
    'ae_decode': 'merged maps to poses, AE',
    'end_to_end': 'end to end',
    'ae_end_to_end': 'end to end, AE',
    'ae_fused': '  with the fused detector',
    'single': 'end to end, batch 1',
    'eight': 'end to end, batch 8',
    'train_detector': 'training step, detector alone',
    'train_frozen': '  with frozen batch norms',
    'train_step': 'training step, whole model',
    'graph_eager': 'image to poses, eager',
    'graph_compiled': 'image to poses, compiled',
}  # fmt: skip
_METHODS = {
    'grouping': ('attention (ours), without its\nembedding convolutions', '#1b7f5c', 'o'),
    'embedding': ('those embedding convolutions', '#8fa3bf', 'D'),
    'ae_decode': ("associative embedding, MMPose's", '#c4502d', 's'),
}
_PARTS = {
    'detector': ('detector', '#c9ced6'),
    'embedding': ('embedding convolutions', '#8fa3bf'),
    'proposals': ('proposals', '#1b7f5c'),
    'sampling': ('sampling', '#59a889'),
    'transformer': ('transformer', '#e0a63c'),
    'attention_and_decode': ('attention and decode', '#7d4f9e'),
    'ae_decode': ('AE decode', '#c4502d'),
}
_BASELINE_STYLE = ('#4a6fb5', '^')


def format_report(result: Mapping[str, Any]) -> str:
    """Write all measurements of :func:`run_benchmark` as tables."""
    given = result['conditions']
    lines = [
        f'{given["config"]} with random weights, maps painted from synthetic crowds',
        f'{given["machine"]}, {given["device"]}, {given["threads"]} threads, '
        f'torch {given["torch"]}',
        'milliseconds a batch: median ± half the range between the quartiles',
    ]
    labels: dict[str, str] = {}
    for name, label in _LABELS.items():
        labels[name] = label
        if name == 'ae_decode' and result['baseline']:
            other = result['baseline']['name']
            labels[other] = f'{_LABELS["grouping"]}, {other}'
    for group in result['inference']:
        lines += ['', *_group(group, labels)]
    lines += _whole(result['whole'])
    if result['batches']:
        lines += ['', 'whole predictions, one image and eight']
        lines += [_row(_LABELS[name], [values]) for name, values in result['batches'].items()]
    if result['training']:
        lines += ['', f'training, batch {given["batch_train"]}']
        lines += [_row(_LABELS[name], [values]) for name, values in result['training'].items()]
    if result['compiled']:
        lines += ['', 'one graph, batch 1, flip test on']
        lines += [_row(_LABELS[name], [values]) for name, values in result['compiled'].items()]
    memory = result['memory_mb']
    if memory:
        lines += [
            '',
            f'peak memory of test at batch 1 beyond weights: detector {memory["detector"]:.0f} MB, '
            f'whole prediction {memory["predict"]:.0f} MB '
            f'({result["ratios"]["extra_peak_memory_mb"]:+.0f} MB)',
        ]
    lines += ['', *_ratios(result['ratio_details']), *result['notes']]
    return '\n'.join(lines)


def _whole(seconds: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the whole predictions beside AE, with a column for each number of people."""
    counts = sorted({int(name.partition('@')[2]) for name in seconds})
    if counts:
        yield ''
        yield f'{"whole predictions, people":34}' + ''.join(f'{count:>14}' for count in counts)
    for name in dict.fromkeys(name.partition('@')[0] for name in seconds):
        yield _row(_LABELS[name], [seconds[f'{name}@{count}'] for count in counts])


def _cell(values: Mapping[str, float] | None) -> str:
    """Median and half the range between the quartiles, in milliseconds."""
    if values is None:
        return ''
    spread = (values['high'] - values['low']) / 2
    return f'{1000 * values["median"]:.1f}±{1000 * spread:.1f}'


def _row(label: str, cells: Iterable[Mapping[str, float] | None]) -> str:
    return f'{label:34}' + ''.join(f'{_cell(values):>14}' for values in cells)


def _group(group: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[str]:
    """Lines of one size, batch and flip test, with a column for each number of people."""
    width, height = group['size']
    yield (
        f'{width}x{height}, batch {group["batch"]}, flip test {"on" if group["flip"] else "off"}, '
        f'{group["rounds"]} rounds'
    )
    seconds, people = group['seconds'], list(group['stages'])
    yield f'{"people in an image":34}' + ''.join(f'{count:>14}' for count in people)
    for name, label in labels.items():
        if name in seconds:
            yield _row(label, [seconds[name]])
        elif name in group['stages'][people[0]]:
            yield _row(label, [group['stages'][count][name] for count in people])
        elif any(f'{name}@{count}' in seconds for count in people):
            yield _row(label, [seconds.get(f'{name}@{count}') for count in people])


def _ratios(details: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines of the table of ratios; targets are marked only where their conditions are met."""
    yield f'{"ratio":46}{"median":>9}{"interval of 90 %":>20}{"wanted":>9}  where'
    for name, detail in details.items():
        marks = {True: ' met', False: ' missed', None: ''}
        wanted = (detail['wanted'] or '') if detail['met'] is not None else ''
        low, high = detail['between'] or (detail['low'], detail['high'])
        between = f'{low:.3f} .. {high:.3f}' if detail['between'] else 'too few rounds'
        given = detail['conditions']
        people = given['people']
        if isinstance(people, list):
            people = '/'.join(map(str, people))
        where = f'{given["size"][0]}x{given["size"][1]}, {people} people'
        median = f'{detail["median"]:.3f}' if detail['known'] else 'unknown'
        mark = marks[detail['met']] if detail['known'] else ''
        yield f'{TARGETS[name].label:46}{median:>9}{between:>20}{wanted:>9}{mark}  {where}'


def draw_plots(result: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Draw both plots of the first size, batch and flip test.

    Args:
        result: of :func:`run_benchmark`.
        folder: is made if need be; files of the same names are replaced.

    Returns:
        the files, named as in ``FILES``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    group, given = result['inference'][0], result['conditions']
    where = (
        f'{group["size"][0]}x{group["size"][1]}, batch {group["batch"]}, flip test '
        f'{"on" if group["flip"] else "off"}; {given["machine"]}'
        + (f', {given["threads"]} threads' if given['device'] == 'cpu' else '')
    )
    methods = dict(_METHODS)
    if result['baseline']:
        methods[result['baseline']['name']] = (result['baseline']['label'], *_BASELINE_STYLE)
    files = []
    for name in FILES:
        figure, axis = plt.subplots(figsize=(9, 4.2), layout='constrained')
        if name == FILES[0]:
            _time_by_people(axis, group, methods)
        else:
            _where_time_goes(axis, group)
        axis.set_xlabel(f'{axis.get_xlabel()}\n{where}', fontsize=9)
        figure.savefig(folder / name, dpi=120)
        plt.close(figure)
        files.append(folder / name)
    return files


def _time_by_people(
    axis: Axes, group: Mapping[str, Any], methods: Mapping[str, tuple[str, str, str]]
) -> None:
    """Lines of medians with their quartiles, logarithmic as methods differ by factors."""
    for method, (label, color, marker) in methods.items():
        found = {
            int(name.partition('@')[2]): values
            for name, values in group['seconds'].items()
            if name.partition('@')[0] == method
        }
        if not found:
            continue
        people = sorted(found)
        low, middle, high = (
            [1000 * found[count][key] for count in people] for key in ('low', 'median', 'high')
        )
        axis.plot(people, middle, color=color, marker=marker, label=label)
        axis.fill_between(people, low, high, color=color, alpha=0.2, linewidth=0)
    detector = 1000 * group['seconds']['detector']['median']
    axis.axhline(detector, color='#777777', linestyle='--', linewidth=1, label='the detector')
    axis.set_yscale('log')
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(StrMethodFormatter('{x:g}'))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_title('From merged maps to poses')
    axis.set_xlabel('people in an image')
    axis.set_ylabel('milliseconds')
    axis.grid(True, which='both', alpha=0.25)
    axis.figure.legend(loc='outside right center', fontsize=9)


def _where_time_goes(axis: Axes, group: Mapping[str, Any]) -> None:
    """Stacked bars of medians, one for each number of people, and one with AE."""
    seconds, bars = group['seconds'], {}
    detector = dict(detector=seconds['detector']['median'])
    for people, stages in group['stages'].items():
        parts = {stage: values['median'] for stage, values in stages.items()}
        embedding = seconds[f'embedding@{people}']['median']
        bars[f'ours, {people}'] = dict(**detector, embedding=embedding, **parts)
    bars[f'AE, {PEOPLE}'] = dict(**detector, ae_decode=seconds[f'ae_decode@{PEOPLE}']['median'])
    start = dict.fromkeys(bars, 0.0)
    for part, (label, color) in _PARTS.items():
        rows = [row for row, parts in bars.items() if part in parts]
        lengths = [1000 * bars[row][part] for row in rows]
        axis.barh(rows, lengths, left=[start[r] for r in rows], color=color, label=label)
        for row, length in zip(rows, lengths, strict=True):
            start[row] += length
    axis.invert_yaxis()
    axis.set_title('Where the time goes, by people in an image')
    axis.set_xlabel('milliseconds (AE: without merging of maps and tags)')
    axis.figure.legend(loc='outside right center', fontsize=9)
