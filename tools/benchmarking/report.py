"""The measurements of the benchmark as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .ratios import TARGETS

_LABELS = {
    'detector': 'detector, all views',
    'embedding': 'embedding convolutions',
    'post_detector': 'detector\'s maps to poses',
    'proposals': '  proposals (with merging)',
    'sampling': '  sampling',
    'transformer': '  transformer',
    'attention_and_decode': '  attention and decode',
    'grouping': 'merged maps to poses',
    'ae_decode': 'merged maps to poses, AE',
    'offsets': 'merged maps to poses, offsets',
    'end_to_end': 'end to end',
    'ae_end_to_end': 'end to end, AE',
    'single': 'end to end, one image of batch 1',
    'train_detector': 'training step, detector alone',
    'train_frozen': '  with frozen batch norms',
    'train_step': 'training step, whole model',
    'graph_eager': 'image to poses, eager',
    'graph_compiled': 'image to poses, compiled',
}  # fmt: skip


def format_report(result: Mapping[str, Any]) -> str:
    """Write all measurements of :func:`run_benchmark` as tables."""
    given = result['conditions']
    lines = [
        f'{given["config"]} with random weights, maps painted from synthetic crowds',
        f'{given["machine"]}, {given["device"]}, {given["threads"]} threads, '
        f'torch {given["torch"]}',
        'milliseconds a batch: median ± half the range between the quartiles',
    ]
    for group in result['inference']:
        lines += ['', *_group(group)]
    lines += ['', f'training, batch {given["batch_train"]}']
    lines += [_row(_LABELS[name], [values]) for name, values in result['training'].items()]
    if result['compiled']:
        lines += ['', 'one graph, batch 1, flip test on']
        lines += [_row(_LABELS[name], [values]) for name, values in result['compiled'].items()]
    memory = result['memory_mb']
    lines += [
        '',
        f'peak memory of test at batch 1 beyond weights: detector {memory["detector"]:.0f} MB, '
        f'whole prediction {memory["predict"]:.0f} MB '
        f'({result["ratios"]["extra_peak_memory_mb"]:+.0f} MB)',
        '',
        *_ratios(result['ratio_details']),
        *result['notes'],
    ]
    details = result['ratio_details'].items()
    if any(d['rounds'] == 1 for name, d in details if name != 'extra_peak_memory_mb'):
        lines.append('one round only of some calls: a rough look')
    return '\n'.join(lines)


def _cell(values: Mapping[str, float] | None) -> str:
    """Median and half the range between the quartiles, in milliseconds."""
    if values is None:
        return ''
    spread = (values['high'] - values['low']) / 2
    return f'{1000 * values["median"]:.1f}±{1000 * spread:.1f}'


def _row(label: str, cells: Iterable[Mapping[str, float] | None]) -> str:
    return f'{label:34}' + ''.join(f'{_cell(values):>14}' for values in cells)


def _group(group: Mapping[str, Any]) -> Iterator[str]:
    """Lines of one size, batch and flip test, with a column for each number of people."""
    width, height = group['size']
    yield (
        f'{width}x{height}, batch {group["batch"]}, flip test {"on" if group["flip"] else "off"}, '
        f'{group["rounds"]} rounds'
    )
    seconds, people = group['seconds'], list(group['stages'])
    yield f'{"people in an image":34}' + ''.join(f'{count:>14}' for count in people)
    for name, label in _LABELS.items():
        if name in seconds:
            yield _row(label, [seconds[name]])
        elif name in group['stages'][people[0]]:
            yield _row(label, [group['stages'][count][name] for count in people])
        elif any(f'{name}@{count}' in seconds for count in people):
            yield _row(label, [seconds.get(f'{name}@{count}') for count in people])


def _ratios(details: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines of the table of ratios; targets are marked only where their conditions are met."""
    yield f'{"ratio":46}{"median":>9}{"quartiles":>20}{"wanted":>9}  where'
    for name, detail in details.items():
        marks = {True: ' met', False: ' missed', None: ''}
        wanted = (detail['wanted'] or '') if detail['met'] is not None else ''
        between = f'{detail["low"]:.3f} .. {detail["high"]:.3f}'
        given = detail['conditions']
        people = given['people']
        if isinstance(people, list):
            people = '/'.join(map(str, people))
        where = f'{given["size"][0]}x{given["size"][1]}, {people} people'
        yield (
            f'{TARGETS[name].label:46}{detail["median"]:9.3f}{between:>20}'
            f'{wanted:>9}{marks[detail["met"]]}  {where}'
        )
