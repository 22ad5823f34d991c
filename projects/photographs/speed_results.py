"""What the photograph model costs on several processors, kept side by side in the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking.clock import interval
from benchmarking.ratios import known, over
from benchmarking.results import replace

from centergroup_mm.utils.files import write_whole

#: one file for each processor and number of threads
FOLDER = Path(__file__).with_name('results')
PAGE = Path(__file__).resolve().parents[2] / 'docs/benchmarks.md'
BEGIN, END = '<!-- photographs: begin -->', '<!-- photographs: end -->'


def save(
    conditions: Mapping[str, Any],
    images: Mapping[str, float],
    ratios: Mapping[str, Sequence[float]],
    folder: Path = FOLDER,
) -> Path:
    """Put a run into the file of its processor, in place of an older run.

    Args:
        conditions: ``machine`` and ``threads`` name the file; others are kept too.
        images: images a second of each call.
        ratios: of each round, by label.
        folder: of the files.

    Returns:
        the file.
    """
    name = f'{conditions["machine"]} {conditions["threads"]} threads'
    path = folder / (re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') + '.json')
    content = dict(
        **conditions,
        images={label: round(value, 2) for label, value in images.items()},
        ratios={label: described(values) for label, values in ratios.items()},
    )
    folder.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + '\n')
    return path


def described(values: Sequence[float]) -> str:
    """The median with its interval of nine tenths; a ratio that the rounds do not tell has none."""
    low, high = interval(values)
    median = f'{np.median(values):.3g}' if known(values) else 'not known'
    return f'{median} ({low:.3g} to {high:.3g})'


def pairs(
    seconds: Mapping[str, Sequence[float]], wanted: Mapping[str, tuple[str, str]]
) -> dict[str, list[float]]:
    """Ratios of each round, of those pairs of calls that were both timed."""
    return {
        label: over(seconds[above], seconds[below])
        for label, (above, below) in wanted.items()
        if above in seconds and below in seconds
    }


def table(folder: Path = FOLDER) -> str:
    """All files of a folder as one Markdown table, a column for each."""
    files = [json.loads(path.read_text()) for path in sorted(folder.glob('*.json'))]
    names = [f'{content["machine"]}, {content["threads"]} threads' for content in files]
    lines: list[str] = []
    if not files:
        return ''
    for key, heading in (('images', 'images a second'), ('ratios', 'ratio of times')):
        lines += [f'| {heading} | ' + ' | '.join(names) + ' |', '|---' * (len(files) + 1) + '|']
        for label in dict.fromkeys(label for content in files for label in content[key]):
            cells = ' | '.join(str(content[key].get(label, '')) for content in files)
            lines.append(f'| {label} | {cells} |')
        lines.append('')
    return '\n'.join(lines).rstrip()


def block(folder: Path = FOLDER) -> str:
    """What stands in the documentation."""
    return f'{BEGIN}\n{table(folder)}\n{END}'


def write_page(page: Path = PAGE, folder: Path = FOLDER) -> None:
    """Replace the table of the documentation by that of the files."""
    replace(page, BEGIN, END, block(folder))
