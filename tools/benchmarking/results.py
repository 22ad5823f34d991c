"""Results of several processors, kept side by side, and their table in the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.files import write_whole

from .ratios import TARGET_SIZE, TARGETS

#: one file for each processor and number of threads
FOLDER = Path(__file__).with_name('results')
PAGE = Path(__file__).resolve().parents[2] / 'docs/benchmarks.md'
BEGIN, END = '<!-- results: begin -->', '<!-- results: end -->'


def save(result: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Put the ratios of a run into the file of its processor; rows that it lacks stay.

    Args:
        result: of :func:`~benchmarking.run.run_benchmark`.
        folder: of the files.

    Returns:
        the file.

    Raises:
        UserError: the run has another size than the table.
    """
    given, details = result['conditions'], result['ratio_details']
    if any(tuple(row['conditions']['size']) != TARGET_SIZE for row in details.values()):
        raise UserError('--save keeps results at 512x512: make it the first --size')
    threads = '' if given['device'].startswith('cuda') else f' {given["threads"]} threads'
    name = re.sub(r'[^a-z0-9]+', '-', f'{given["machine"]}{threads}'.lower()).strip('-')
    path = folder / f'{name}.json'
    content = json.loads(path.read_text()) if path.is_file() else dict(note='', rows={})
    content.update({key: given[key] for key in ('machine', 'device', 'threads', 'config')})
    for key, row in details.items():
        kept = {field: row[field] for field in ('median', 'between', 'known', 'rounds', 'met')}
        people, batch = row['conditions']['people'], row['conditions']['batch']
        content['rows'][key] = dict(**kept, people=people, batch=batch, torch=given['torch'])
    folder.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + '\n')
    return path


def table(folder: Path = FOLDER) -> str:
    """All files of a folder as one Markdown table, a column for each."""
    files = [json.loads(path.read_text()) for path in sorted(folder.glob('*.json'))]
    names = [_heading(content) for content in files]
    lines = ['| | people | wanted | ' + ' | '.join(names) + ' |', '|---' * (len(files) + 3) + '|']
    for key, target in TARGETS.items():
        rows = [content['rows'].get(key) for content in files]
        if not any(rows):
            continue
        people = next(row['people'] for row in rows if row)
        if isinstance(people, list):
            people = ', '.join(map(str, people))
        wanted = f'{"≤" if target.upper else "≥"} {target.cpu:g}' if target.cpu else ''
        cells = ' | '.join(_cell(row) for row in rows)
        lines.append(f'| {target.label} | {people} | {wanted} | {cells} |')
    return '\n'.join(lines)


def _heading(content: Mapping[str, Any]) -> str:
    on_cpu = content['device'] == 'cpu'
    parts = [content['machine'], f'{content["threads"]} threads' if on_cpu else '', content['note']]
    return ', '.join(filter(None, parts))


def _cell(row: Mapping[str, Any] | None) -> str:
    """Median and interval; a ratio that is not known is not given."""
    if row is None:
        return ''
    low, high = row['between'] or (None, None)
    between = '' if low is None else f' ({low:.3f} to {high:.3f})'
    if not row['known']:
        return f'not known{between}'
    return f'{row["median"]:.3g}{between}' + (', missed' if row['met'] is False else '')


def block(folder: Path = FOLDER) -> str:
    """What stands in the documentation."""
    return f'{BEGIN}\n{table(folder)}\n{END}'


def write_page(page: Path = PAGE, folder: Path = FOLDER) -> None:
    """Replace the table of the documentation by that of the files."""
    replace(page, BEGIN, END, block(folder))


def replace(page: Path, begin: str, end: str, block: str) -> None:
    """Replace what stands in a file from one mark to another, both included.

    Args:
        page: the file.
        begin, end: the marks.
        block: with its marks.
    """
    text = page.read_text()
    first, last = text.index(begin), text.index(end) + len(end)
    with write_whole(page) as partial:
        partial.write_text(text[:first] + block + text[last:])
