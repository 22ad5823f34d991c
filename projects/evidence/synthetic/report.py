"""Tables and a plot from the results of run.py.

    python projects/evidence/synthetic/report.py projects/evidence/synthetic/results

prints the tables in Markdown, with --readme puts them between the marks of a page, and draws
RESULTS/ap.png. Intervals of differences are those of a paired bootstrap over the test scenes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
for folder in (PROJECT.parents[2], PROJECT.parent, PROJECT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from crowd_study.rows import ROWS  # noqa: E402
from study_common.precision import Difference, difference, load_all, resample  # noqa: E402

TITLES = dict(
    backbones='CenterGroup on other backbones', methods='Other methods on the same backbone'
)
BEGIN, END = '<!-- tables: begin -->', '<!-- tables: end -->'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('results', help='folder of the JSON files')
    parser.add_argument('--readme', help='page to put the tables into')
    return parser.parse_args()


def read(folder: Path) -> dict[str, list[dict]]:
    """Results by row, each row's in the order of the seeds; rows without results are left out."""
    found = {}
    for name in ROWS:
        paths = folder.glob(f'{name}_seed*.json')
        results = sorted((json.loads(path.read_text()) for path in paths), key=lambda r: r['seed'])
        if results:
            found[name] = results
    return found


def optional(path: Path) -> dict:
    """Content of a JSON file that may be missing."""
    return json.loads(path.read_text()) if path.is_file() else {}


def differences(folder: Path) -> dict[str, Difference]:
    """The first row's AP minus that of each other one, over the seeds that both have."""
    matches = load_all(folder, ROWS)
    first, *others = ROWS
    if first not in matches:
        return {}
    drawn, gaps = resample(matches), {}
    for name in others:
        common = drawn[first].keys() & drawn.get(name, {}).keys()
        if common:
            pair = ({seed: drawn[row][seed] for seed in common} for row in (first, name))
            gaps[name] = difference(*pair)
    return gaps


def spread(values: list[float | None]) -> str:
    """Mean and standard deviation over seeds, without the leading zero."""
    if None in values:
        return '–'
    text = f'{statistics.mean(values):.3f}'
    if len(values) > 1:
        text += f' ± {statistics.stdev(values):.3f}'
    return text.replace('0.', '.')


def table(
    study: str, results: dict[str, list[dict]], times: dict, gaps: dict[str, Difference]
) -> str:
    """One table in Markdown."""
    lines = [
        '| row | seeds | AP | AP50 | AP, 1–2 people | 3–4 | 5–6 | parameters | ms | '
        'CenterGroup, HRNet is better by |',
        '|---|---|---|---|---|---|---|---|---|---|',
    ]
    for name, row in ROWS.items():
        if study not in row.studies or name not in results:
            continue
        mine = results[name]
        cells = [row.title, str(len(mine)), spread([result['ap'] for result in mine])]
        cells.append(spread([result['ap50'] for result in mine]))
        for group in ('1-2', '3-4', '5-6'):
            cells.append(spread([result['ap_by_people'][group]['ap'] for result in mine]))
        cells.append(f'{mine[0]["parameters"] / 1e6:.2f} M')
        cells.append(str(round(times['median'][name])) if name in times.get('median', {}) else '–')
        gap = gaps.get(name)
        cells.append(
            '–' if gap is None else f'{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})'
        )
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


def what_was_run(results: dict[str, list[dict]], times: dict) -> str:
    """Sentences on data, schedule and machine."""
    runs = [result['run'] for mine in results.values() for result in mine]
    texts = []
    for key, form in (
        ('iterations', '{} iterations'), ('batch_size', 'of {} images'), ('gpu', 'on {}'),
        ('processor', 'processor {}'), ('torch', 'torch {}'), ('commit', 'commit {}'),
    ):  # fmt: skip
        values = sorted({str(run[key]) for run in runs if run[key] is not None})
        if values:
            texts.append(form.format(', '.join(values)))
    data = runs[0]['data']
    sizes = f'{data["train"]["num"]} scenes of {runs[0]["side"]} pixels to train on, '
    by_heart = data['train'] == data['val']
    sizes += 'tested on the same, learned by heart' if by_heart else f'{data["val"]["num"]} to test'
    text = f'Run: {", ".join(texts)}; {sizes}, preset {data["val"]["preset"]}.'
    if times.get('median'):
        text += (
            f' Milliseconds: median of {times["images"]} images of {times.get("side", 256)} pixels '
            f'with flip test on {times["threads"]} thread of {times["processor"]}, rows in turn.'
        )
    return text


def plot(results: dict[str, list[dict]], path: Path) -> None:
    """AP of every seed, and AP by the number of people, one panel for each study."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    labels = ('all', '1-2', '3-4', '5-6')
    for axis, (study, title) in zip(axes, TITLES.items(), strict=True):
        names = [name for name in results if study in ROWS[name].studies]
        for number, name in enumerate(names):
            places = [place + 0.14 * (number - (len(names) - 1) / 2) for place in range(4)]
            for place, label in zip(places, labels, strict=True):
                values = [
                    r['ap'] if label == 'all' else r['ap_by_people'][label]['ap']
                    for r in results[name]
                ]
                if None in values:  # no such scenes
                    continue
                axis.bar(
                    place, statistics.mean(values), 0.13, color=f'C{number}',
                    label=ROWS[name].title if label == 'all' else None,
                )  # fmt: skip
                axis.plot([place] * len(values), values, 'k.', markersize=3)
        axis.set_xticks(range(4), ['all scenes', '1–2 people', '3–4', '5–6'])
        axis.set_title(title, fontsize=11)
        axis.grid(axis='y', alpha=0.3)
        axis.legend(fontsize=8, loc='upper right')
    axes[0].set_ylabel('AP (dots: seeds)')
    top = max(axis.get_ylim()[1] for axis in axes)
    axes[0].set_ylim(0, top * 1.25)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def insert(page: Path, text: str) -> None:
    """Put a text between the marks of a page."""
    content = page.read_text()
    if BEGIN not in content or END not in content:
        sys.exit(f'{page} has no lines {BEGIN} and {END}')
    before, after = content.partition(BEGIN)[0], content.partition(END)[2]
    page.write_text(f'{before}{BEGIN}\n\n{text}\n\n{END}{after}')


def main() -> None:
    """Compare, tabulate, draw."""
    args = parse_args()
    folder = Path(args.results)
    results = read(folder)
    if not results:
        sys.exit(f'{folder} has no results of run.py')
    times, gaps = optional(folder / 'milliseconds.json'), differences(folder)
    parts = [
        f'**{title}**\n\n{table(study, results, times, gaps)}' for study, title in TITLES.items()
    ]
    text = '\n\n'.join([*parts, fold(what_was_run(results, times))])
    print(text)
    if args.readme:
        insert(Path(args.readme), text)
    plot(results, folder / 'ap.png')


def fold(text: str, width: int = 100) -> str:
    """Break a paragraph into lines."""
    import textwrap

    return textwrap.fill(text, width, break_on_hyphens=False)


if __name__ == '__main__':
    main()
