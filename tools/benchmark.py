"""Measure what grouping costs beside the detector: time at test, time in training, memory.

Everything is run in one process and in alternation, with random weights; heatmaps are painted
from synthetic scenes, so no data and no checkpoint are needed. Ratios travel between machines,
milliseconds do not; other programs on the same cores disturb both.

    # the model of the paper, 512x512 with flip test
    python tools/benchmark.py

    # a first look within a minute, with the numbers in a file
    python tools/benchmark.py --quick --json work_dirs/benchmark.json

    # another model, size and device
    python tools/benchmark.py configs/centergroup_w48_coco.py --size 640 640 --device cuda
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import centergroup_mm  # noqa: F401
from centergroup_mm.apis import checks, cli
from centergroup_mm.apis.benchmark import format_report, run_benchmark
from centergroup_mm.apis.errors import UserError, run_tool

CONFIG = 'configs/centergroup_w32_coco.py'
QUICK_REPEATS, QUICK_SECONDS = 5, 30.0


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('config', nargs='?', default=CONFIG, help='config, default %(default)s')
    parser.add_argument(
        '--size',
        nargs=2,
        type=int,
        default=(512, 512),
        metavar=('W', 'H'),
        help='network input in pixels, default 512 512',
    )
    parser.add_argument('--people', type=int, default=25, help='an image, default %(default)s')
    parser.add_argument('--repeats', type=int, default=10, help='rounds, default %(default)s')
    parser.add_argument('--threads', type=int, default=2, help='on the CPU, default %(default)s')
    parser.add_argument('--device', default='cpu', help='cpu or cuda, default %(default)s')
    parser.add_argument(
        '--quick', action='store_true', help='fewer rounds, so that it ends within a minute'
    )
    parser.add_argument('--json', metavar='FILE', help='write the numbers to this file')
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    args = parse_args()
    result = run_benchmark(
        args.config,
        checks.load_config(args.config),
        size=tuple(args.size),
        people=args.people,
        repeats=min(args.repeats, QUICK_REPEATS) if args.quick else args.repeats,
        threads=args.threads,
        device=args.device,
        limit=QUICK_SECONDS if args.quick else float('inf'),
    )
    print(format_report(result))
    if args.json:
        path = Path(args.json)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(result, indent=2) + '\n')
        except OSError as error:
            raise UserError(f'cannot write {path}: {error}') from error


if __name__ == '__main__':
    sys.exit(run_tool(main))
