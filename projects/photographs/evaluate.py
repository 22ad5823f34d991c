"""The table of the photograph model: every row in one run, by size and by number of people.

    python projects/photographs/evaluate.py --data DEV --movenet checkpoints/movenet.pth

DEV is a folder with person_keypoints.json (COCO's format) and images/.  Results of a row are kept
in --out and used again while weights, config, options and annotations are the same, so that a run
that was stopped goes on.  Rows whose weights are not there are named with the command that makes
them, and left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

import centergroup_mm
from centergroup_mm import zoo
from centergroup_mm.checkpoints.load import check_fit
from centergroup_mm.evaluation.average_precision import coco_numbers
from centergroup_mm.evaluation.reliability import judge_poses, reliability
from centergroup_mm.utils import cli
from centergroup_mm.utils.checks import load_config
from centergroup_mm.utils.errors import UserError, run_tool

matplotlib.use('Agg')
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[2]
#: images by their number of annotated persons
CROWDS = {'1': (1, 1), '2-4': (2, 4), '5+': (5, 10**6)}
MOVENET = 'configs/movenet_coco.py'
OURS = f'configs/{zoo.PHOTOGRAPHS}.py'


class Row(NamedTuple):
    """One line of the table.

    ========== ===========================================================================
    name       as printed
    config     relative to the repository
    weights    'movenet', 'zoo', or a checkpoint relative to the repository
    options    of the config, as of ``--cfg-options``
    ========== ===========================================================================
    """

    name: str
    config: str
    weights: str
    options: dict = {}


def read_rows(path: Path) -> dict[str, Row]:
    """Rows of ``rows.json``: key -> name, config, weights and options."""
    return {key: Row(**row) for key, row in json.loads(path.read_text()).items()}


def parse_args(rows: dict[str, Row]) -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('--data', required=True, help='folder with person_keypoints.json, images/')
    parser.add_argument('--movenet', help='converted MoveNet weights, for its rows')
    parser.add_argument('--rows', nargs='+', choices=list(rows), help='default: all')
    parser.add_argument('--out', default='work_dirs/photographs', help='default: %(default)s')
    return parser.parse_args()


def find_weights(row: Row, movenet: str | None) -> Path | None:
    """The row's checkpoint, or None with a line that says how to get it."""
    if row.weights == 'zoo':
        return zoo.weights_of(zoo.PHOTOGRAPHS)
    if row.weights == 'movenet':
        if movenet is None:
            print(f'{row.name}: left out, needs --movenet (docs/checkpoints.md says how to get it)')
        return None if movenet is None else Path(movenet)
    path = ROOT / row.weights
    if not path.is_file():
        print(f'{row.name}: left out, train it with python tools/train.py {row.config}')
        return None
    return path


def row_config(row: Row, data: Path, weights: Path, out: Path) -> Config:
    """Config of a row on the given data."""
    cfg = load_config(str(ROOT / row.config))
    cfg.test_dataloader.dataset.update(
        data_root=str(data), ann_file='person_keypoints.json', data_prefix=dict(img='images/')
    )
    cfg.test_evaluator.ann_file = str(data / 'person_keypoints.json')
    cfg.test_evaluator.outfile_prefix = str(out)
    cfg.update(load_from=str(weights), log_level='WARNING', work_dir=str(out.parent / 'log'))
    # one run builds one row after another
    cfg.experiment_name = out.name
    cli.apply_options(cfg, row.options)
    cli.prepare_run(cfg)
    return cfg


def fingerprint(cfg: Config, weights: Path, data: Path) -> str:
    """Changes with whatever the results of a row depend on, the code apart."""
    model = json.dumps([cfg.model.to_dict(), cfg.test_dataloader.to_dict()], default=str)
    digest = hashlib.sha256(model.encode())
    for path in (weights, data / 'person_keypoints.json'):
        digest.update(path.read_bytes())
    return f'{centergroup_mm.__version__} {digest.hexdigest()}'


def run_row(row: Row, data: Path, weights: Path, out: Path) -> list[dict]:
    """COCO results of a row, computed or from an earlier run."""
    cfg = row_config(row, data, weights, out)
    results, stamp = Path(f'{out}.keypoints.json'), Path(f'{out}.stamp')
    key = fingerprint(cfg, weights, data)
    if not (results.is_file() and stamp.is_file() and stamp.read_text() == key):
        runner = Runner.from_cfg(cfg)
        check_fit(runner, str(weights), every=True)
        runner.test()
        stamp.write_text(key)
    return json.loads(results.read_text())


def images_by_people(annotations: Path) -> dict[str, list[int]]:
    """Images of each class of :data:`CROWDS`, and ``all``."""
    content = json.loads(annotations.read_text())
    people: dict[int, int] = {image['id']: 0 for image in content['images']}
    for person in content['annotations']:
        people[person['image_id']] += int(person.get('num_keypoints', 1) > 0)
    groups = {'all': list(people)}
    for name, (least, most) in CROWDS.items():
        groups[name] = [image for image, number in people.items() if least <= number <= most]
    return groups


def measure(results: list[dict], annotations: Path, sigmas: list[float]) -> dict[str, float]:
    """All numbers of a row."""
    groups = images_by_people(annotations)
    numbers = coco_numbers(annotations, results, groups['all'], sigmas)
    for name in CROWDS:
        if groups[name]:
            part = coco_numbers(annotations, results, groups[name], sigmas)
            numbers[f'AP, {name} people'] = part['AP']
    return numbers


def report_scores(results: list[dict], annotations: Path, sigmas: list[float], out: Path) -> str:
    """What the scores of a row mean, as text, and as a reliability curve in a picture."""
    scores, right, persons = judge_poses(annotations, results, sigmas)
    lines = []
    for threshold in (0.3, 0.5):
        kept = scores >= threshold
        lines.append(
            f'at {threshold}: precision {right[kept].mean():.2f}, '
            f'recall {right[kept].sum() / persons:.2f}'
        )
    rows = reliability(scores, right, np.linspace(0, 1, 11))
    lines += [
        f'scores from {low:.1f} to {high:.1f}: {number} poses, said {said:.2f}, right {true:.2f}'
        for low, high, number, said, true in rows
    ]
    figure, axes = plt.subplots(figsize=(4, 4))
    axes.plot([0, 1], [0, 1], color='gray', linewidth=1)
    axes.plot([row[3] for row in rows], [row[4] for row in rows], marker='o')
    axes.set_xlabel('score of the pose')
    axes.set_ylabel('share of right poses (OKS 0.5)')
    figure.savefig(out, bbox_inches='tight', dpi=120)
    plt.close(figure)
    return '\n'.join(lines)


def as_table(table: dict[str, dict[str, float]]) -> str:
    """A Markdown table, numbers as COCO prints them."""
    columns = list(next(iter(table.values())))
    lines = ['| | ' + ' | '.join(columns) + ' |', '|---|' + '---|' * len(columns)]
    for name, numbers in table.items():
        cells = (f'{numbers[column]:.3f}'.removeprefix('0') for column in columns)
        lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def main() -> None:
    """Run or read every row, and print and write the table."""
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    from mmpose.registry import DATASETS

    rows = read_rows(Path(__file__).with_name('rows.json'))
    args = parse_args(rows)
    data, folder = Path(args.data), Path(args.out)
    annotations = data / 'person_keypoints.json'
    if not annotations.is_file():
        raise UserError(f'--data {data}: there is no person_keypoints.json')
    sigmas = parse_pose_metainfo(dict(DATASETS.get('CocoDataset').METAINFO))['sigmas']
    folder.mkdir(parents=True, exist_ok=True)
    table: dict[str, dict[str, float]] = {}
    for key in args.rows or rows:
        weights = find_weights(rows[key], args.movenet)
        if weights is None:
            continue
        results = run_row(rows[key], data, weights, folder / key)
        table[rows[key].name] = measure(results, annotations, list(sigmas))
        if rows[key].weights == 'zoo':
            picture = folder / f'{key}_reliability.png'
            print(report_scores(results, annotations, list(sigmas), picture))
        print(f'{rows[key].name}: AP {table[rows[key].name]["AP"]:.3f}', flush=True)
    if not table:
        raise UserError('no row could be run')
    text = as_table(table)
    (folder / 'table.md').write_text(text + '\n')
    (folder / 'table.json').write_text(json.dumps(table, indent=1) + '\n')
    print(f'\n{text}\n\nwritten to {folder}/table.md')


if __name__ == '__main__':
    sys.exit(run_tool(main))
