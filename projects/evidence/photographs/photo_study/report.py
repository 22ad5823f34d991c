"""Tables, a plot and intervals from the results of the study."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import numpy as np
from matplotlib import pyplot as plt
from study_common.precision import average_precision, difference, load_all, resample

from .rows import ROWS

TITLES = {'1': "The paper's Table 1", '2': "The paper's Table 2", '3': 'Beyond the paper'}
#: differences that sentences rest on: better, worse
PAIRS = [
    ('paper7', 'ae'),
    ('ae', 'snapped'),
    ('paper7', 'snapped'),
    ('paper7', 'paper6'),
    ('geometry', 'paper7'),
    ('unranked', 'geometry'),
    ('ours', 'unranked'),
    ('ours', 'ae'),
    ('ours', 'snapped'),
    ('ours', 'no_geometry'),
    ('ours', 'no_content'),
    ('ours', 'layers0'),
    ('ours', 'layers4'),
    ('ours', 'heads1'),
    ('ours', 'heads8'),
    ('ours', 'peaks5'),
    ('ours', 'peaks10'),
    ('ours', 'few_people'),
    ('paper7', 'greedy'),
    ('ae_position', 'ae'),
    ('paper7', 'ae_position'),
    ('table2_row4', 'table2_row1'),
    ('table2_row4', 'table2_row3'),
    ('table2_row3', 'table2_row2'),
    ('table2_row2', 'table2_row1'),
    ('paper7', 'soft'),
]
#: rows beyond the paper, darker in the plot
OURS = ('geometry', 'unranked', 'ours')
#: rows and numbers of people of the table on crowds
CROWDED_ROWS = ('snapped', 'ae', 'paper7', 'geometry', 'ours', 'few_people')
CROWDED = {'2-3': (2, 3), '4-7': (4, 7), '8+': (8, 10**6)}


def read(out: Path) -> dict[str, list[dict]]:
    """Results of each row, one entry for each seed."""
    rows: dict[str, list[dict]] = {key: [] for key in ROWS}
    for path in sorted((out / 'results').glob('*.json')):
        result = json.loads(path.read_text())
        rows[result['row']].append(result)
    return {key: runs for key, runs in rows.items() if runs}


def _cell(values: list[float]) -> str:
    mean = f'{np.mean(values):.3f}'.removeprefix('0')
    if len(values) < 2:
        return mean
    return f'{mean} ± ' + f'{np.std(values, ddof=1):.3f}'.removeprefix('0')


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows])


def precision_tables(rows: dict[str, list[dict]]) -> list[str]:
    """Average precision of all rows, mean and standard deviation over the seeds."""
    texts = []
    for table, title in TITLES.items():
        lines = []
        for key, runs in rows.items():
            if ROWS[key].table == table:
                columns = list(runs[0]['numbers'])
                cells = [_cell([run['numbers'][name] for run in runs]) for name in columns]
                lines.append([ROWS[key].name, *cells, str(len(runs))])
        if lines:
            texts.append(f'### {title}\n\n' + _table(['', *columns, 'seeds'], lines))
    return texts


def alone_table(rows: dict[str, list[dict]]) -> list[str]:
    """Keypoints given to the wrong person."""
    lines = []
    for key in ('regression', 'ae', 'paper7', 'geometry', 'no_geometry', 'ours'):
        for how, name in (('alone', ''), ('alone, one to one', ', one to one')):
            found = [run[how] for run in rows.get(key, []) if run.get(how)]
            if found:
                columns = list(found[0])
                cells = [_cell([entry[column] for entry in found]) for column in columns]
                lines.append([ROWS[key].name + name, *cells])
    if not lines:
        return []
    return ['### Grouping alone\n\n' + _table(['', *columns], lines)]


def crowded_table(out: Path) -> list[str]:
    """AP on more and more crowded photographs."""
    found = load_all(out / 'matches', CROWDED_ROWS)
    if not found:
        return []
    persons = next(iter(next(iter(found.values())).values())).persons
    chosen = {name: (persons >= low) & (persons <= high) for name, (low, high) in CROWDED.items()}
    head = [f'{name} people ({int(some.sum())} photographs)' for name, some in chosen.items()]
    lines = []
    for key, seeds in found.items():
        cells = []
        for some in chosen.values():
            values = [average_precision(one, some.astype(int)).mean() for one in seeds.values()]
            cells.append(_cell(values))
        lines.append([ROWS[key].name, *cells])
    return ['### More crowded scenes\n\n' + _table(['AP', *head], lines)]


def significance_table(out: Path) -> list[str]:
    """Differences with the interval of a paired bootstrap over the photographs."""
    matches = load_all(out / 'matches', dict.fromkeys(key for pair in PAIRS for key in pair))
    if not matches:
        return []
    drawn, lines = resample(matches), []
    for better, worse in PAIRS:
        if better in drawn and worse in drawn:
            gap = difference(drawn[better], drawn[worse])
            lines.append(
                [
                    f'{ROWS[better].name} − {ROWS[worse].name}',
                    f'{gap.value:+.3f}',
                    f'{gap.low:+.3f} to {gap.high:+.3f}',
                    'yes' if gap.low > 0 or gap.high < 0 else 'no',
                ]
            )
    head = ['difference of AP', 'mean', 'interval of 95 %', 'without 0']
    return ['### Differences\n\n' + _table(head, lines)]


def draw(rows: dict[str, list[dict]], path: Path) -> None:
    """AP of the rows of the paper's first table, one point for each seed."""
    keys = [key for key in rows if ROWS[key].table == '1']
    figure, axes = plt.subplots(figsize=(7, 0.4 * len(keys) + 1))
    for place, key in enumerate(keys):
        values = [run['numbers']['AP'] for run in rows[key]]
        axes.barh(place, np.mean(values), color='#3182bd' if key in OURS else '#9ecae1')
        axes.plot(values, [place] * len(values), 'k.', markersize=4)
    axes.set_yticks(range(len(keys)), [ROWS[key].name for key in keys])
    axes.invert_yaxis()
    axes.set_xlabel('AP on the dev photographs, points are seeds')
    figure.savefig(path, bbox_inches='tight', dpi=120)
    plt.close(figure)


def write(out: Path, intervals: bool) -> str:
    """Draw table1.png, and return the tables.

    Args:
        out: folder of the study.
        intervals: also resample the photographs.
    """
    rows = read(out)
    if not rows:
        return 'no results yet'
    parts = [*precision_tables(rows), *alone_table(rows), *crowded_table(out)]
    text = '\n\n'.join(parts + (significance_table(out) if intervals else []))
    draw(rows, out / 'table1.png')
    return text
