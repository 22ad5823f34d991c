"""Pictures of the benchmark: time against the number of people, and where the time goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from .ratios import PEOPLE

#: names of the pictures in their folder
FILES = ('time_by_people.png', 'where_time_goes.png')

_METHODS = {
    'grouping': ('attention (ours), without its\nembedding convolutions', '#1b7f5c', 'o'),
    'embedding': ('those embedding convolutions', '#8fa3bf', 'D'),
    'ae_decode': ("associative embedding, MMPose's", '#c4502d', 's'),
    'offsets': ('offsets and keypoint match', '#4a6fb5', '^'),
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


def draw_plots(result: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Draw both pictures of the first size, batch and flip test.

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
    files = []
    for name, draw in zip(FILES, (_time_by_people, _where_time_goes), strict=True):
        figure, axis = plt.subplots(figsize=(9, 4.2), layout='constrained')
        draw(axis, group)
        axis.set_xlabel(f'{axis.get_xlabel()}\n{where}', fontsize=9)
        figure.savefig(folder / name, dpi=120)
        plt.close(figure)
        files.append(folder / name)
    return files


def _time_by_people(axis: Axes, group: Mapping[str, Any]) -> None:
    """Lines of medians with their quartiles, logarithmic as methods differ by factors."""
    for method, (label, color, marker) in _METHODS.items():
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
