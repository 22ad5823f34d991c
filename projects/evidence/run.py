"""Both studies of docs/evidence.md, one after the other: photographs, then synthetic crowds.

    # everything, three seeds
    python projects/evidence/run.py checkpoints/movenet.pth --train TRAIN --dev DEV --device cuda

    # one seed, fewer photographs and steps, and four synthetic scenes by heart: 27 minutes on two
    # cores of an Intel Xeon
    python projects/evidence/run.py checkpoints/movenet.pth --train TRAIN --dev DEV --reduced

    # a seed more of it
    python projects/evidence/run.py ... --reduced --seeds 1

Results are in OUT/photographs and OUT/synthetic. A second call goes on where the first one stopped.
The studies have commands of their own, for one row or other settings: photographs/run.py and
synthetic/run.py, with --rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from centergroup_mm.utils import cli
from centergroup_mm.utils.errors import UserError, run_tool

PROJECT = Path(__file__).resolve().parent


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('detector', help='weights of MoveNet, or of a model with such a detector')
    parser.add_argument('--train', metavar='TRAIN', required=True, help='training photographs')
    parser.add_argument('--dev', metavar='DEV', required=True, help='photographs of the tables')
    parser.add_argument('--reduced', action='store_true', help='one seed, fewer photographs, steps')
    parser.add_argument('--seeds', nargs='+', type=int, help='default: 0 1 2, reduced only 0')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument(
        '--jobs', type=int, help='trainings at a time, default: one a core, on a GPU 1'
    )
    parser.add_argument(
        '--out', default='work_dirs/evidence', help='folder of the results, default %(default)s'
    )
    args = parser.parse_args()
    args.jobs = args.jobs or (1 if args.device == 'cuda' else os.cpu_count() or 1)
    args.seeds = args.seeds or ([0] if args.reduced else [0, 1, 2])
    return args


def commands(args: argparse.Namespace) -> list[list[str]]:
    """Scripts and arguments: both studies, and the table of the second."""
    out = Path(args.out)
    common = ['--device', args.device, '--jobs', str(args.jobs)]
    common += ['--seeds', *map(str, args.seeds)]
    photographs = [str(PROJECT / 'photographs/run.py'), args.detector]
    photographs += ['--train', args.train, '--dev', args.dev, '--out', str(out / 'photographs')]
    synthetic = [str(PROJECT / 'synthetic/run.py'), '--out', str(out / 'synthetic')]
    if args.reduced:
        photographs += ['--reduced']
        # too few iterations for new scenes, but enough to show that a row learns what it is shown
        synthetic += ['--side', '128', '--num-train', '4', '--by-heart', '--batch-size', '4']
        synthetic += ['--iterations', '300', '--timed-images', '4']
    table = [str(PROJECT / 'synthetic/report.py'), str(out / 'synthetic' / 'results')]
    return [photographs + common, synthetic + common, table]


def main() -> None:
    """Run both."""
    args = parse_args()
    for path in (args.detector, args.train, args.dev):
        if not Path(path).exists():
            raise UserError(f'{path} not found: see --help for what belongs there')
    for command in commands(args):
        done = subprocess.run([sys.executable, *command], check=False)
        if done.returncode:
            raise UserError(
                f'{Path(command[0]).parent.name} ended with {done.returncode}, see above'
            )


if __name__ == '__main__':
    sys.exit(run_tool(main))
