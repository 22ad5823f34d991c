"""Measure the cost of grouping relative to the detector: test time, training time and memory.

Everything runs in one process and in alternation, with random weights. Heatmaps are painted from
the labels of synthetic scenes, so no data and no checkpoint are needed. Ratios can be compared
between machines, milliseconds cannot. Other processes on the same cores disturb both.

Grouping is compared with MMPose's own associative embedding (AE), both from the same merged
heatmaps to poses. AE gets painted tags: every person's tag is the same at all its joints and far
from everyone else's, which is the easiest case for AE. The time to compute AE's tags and our
embedding maps is not counted; a ratio that counts our embedding convolutions is printed too.

Ratios and targets are for the first --size with flip test, batch 1 and 1, 25 and 30 people, which
are always measured. Targets apply at 512x512 only, on a CPU with two threads.

    # the model of the paper: 512x512 and 832x512, batch 1 and 8, flip test on and off, 1 to 30
    # people; each of these eight, and training, ends after about --seconds
    python tools/benchmark.py --json work_dirs/benchmark.json --plots work_dirs/benchmark

    # a first look within a minute
    python tools/benchmark.py --quick

    # another model and sizes, on a GPU
    python tools/benchmark.py configs/centergroup_w48_coco.py --size 640x640 --device cuda

    # where the time of a prediction goes, by part and by operator, beside what the cores can do
    python tools/benchmark.py --roofline --size 512x512 --repeats 5

    # the ratios that need the most rounds
    python tools/benchmark.py --size 512x512 --only batches training --repeats 30 --seconds 300

    # keep the ratios of this processor beside those of others, and in docs/benchmarks.md
    python tools/benchmark.py --size 512x512 --save

    # another way of grouping beside it, here that of projects/offsets
    python tools/benchmark.py --baseline centergroup_offsets.benchmark:OffsetsBaseline
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from benchmarking.options import PARTS, Options
from benchmarking.report import FILES, draw_plots, format_report
from benchmarking.results import save, write_page
from benchmarking.roofline import run_roofline
from benchmarking.run import run_benchmark

import centergroup_mm  # noqa: F401
from centergroup_mm.utils import checks, cli
from centergroup_mm.utils.errors import UserError, run_tool
from centergroup_mm.utils.files import check_target, write_whole

CONFIG = 'configs/centergroup_w32_coco.py'
#: seconds for test and for training, and for everything together
QUICK_SECONDS, QUICK_TOTAL = 18.0, 46.0


def size(text: str) -> tuple[int, int]:
    """Read WxH."""
    if not re.fullmatch(r'\d+x\d+', text):
        raise argparse.ArgumentTypeError(f'{text} is not WIDTHxHEIGHT, such as 512x512')
    width, height = text.split('x')
    return int(width), int(height)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('config', nargs='?', default=CONFIG, help='config, default %(default)s')
    parser.add_argument(
        '--size',
        nargs='+',
        type=size,
        default=[(512, 512), (832, 512)],
        metavar='WxH',
        help='network inputs in pixels, default 512x512 832x512',
    )
    parser.add_argument(
        '--people',
        nargs='+',
        type=int,
        default=[1, 5, 10, 20, 25, 30],
        metavar='N',
        help='in an image, default 1 5 10 20 25 30; 1, 25 and 30 are always measured',
    )
    parser.add_argument(
        '--batch', nargs='+', type=int, default=[1, 8], metavar='B', help='images, default 1 8'
    )
    parser.add_argument(
        '--flip',
        nargs='+',
        choices=['on', 'off'],
        default=['on', 'off'],
        help='flip test, default on off',
    )
    parser.add_argument('--repeats', type=int, default=10, help='rounds, default %(default)s')
    parser.add_argument(
        '--seconds',
        type=float,
        default=90.0,
        help='about the most for each combination of size, batch and flip test and for training, '
        'after which it goes on with fewer rounds; default %(default)s',
    )
    parser.add_argument('--threads', type=int, default=2, help='on the CPU, default %(default)s')
    parser.add_argument('--device', default='cpu', help='cpu or cuda, default %(default)s')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='first size, batch 1, flip test and 1, 25 and 30 people only, fewer rounds: every '
        'ratio but that of batch 8 within a minute on two idle cores; training steps have one '
        'image instead of two',
    )
    parser.add_argument(
        '--compile',
        action='store_true',
        help='also measure the whole model compiled by torch.compile, which takes minutes more and '
        'a C++ compiler',
    )
    parser.add_argument(
        '--only',
        nargs='+',
        choices=PARTS,
        default=(),
        metavar='PART',
        help='only these of whole (predictions beside those with associative embedding, 1, 5 and '
        '30 people, for at most twice --seconds), batches (predictions of one image and of eight) '
        'and training',
    )
    parser.add_argument(
        '--roofline',
        action='store_true',
        help='only where the time goes: parts of a prediction for 1, 5 and 30 people with their '
        'arithmetic and traffic, and operators; on a CPU',
    )
    parser.add_argument(
        '--baseline',
        metavar='MODULE:CLASS',
        help='also measure this grouping, a Baseline as in benchmarking/workload.py',
    )
    parser.add_argument('--json', metavar='FILE', help='write the numbers to this file')
    parser.add_argument(
        '--save',
        action='store_true',
        help='put the ratios into the file of this processor in tools/benchmarking/results/ and '
        'into the table of docs/benchmarks.md',
    )
    parser.add_argument(
        '--plots', metavar='FOLDER', help=f'draw {" and ".join(FILES)} into this folder'
    )
    cli.add_overwrite(parser, 'replace these files')
    return parser.parse_args()


def read_options(args: argparse.Namespace) -> Options:
    """What to measure; --quick wins over other arguments."""
    common = dict(
        repeats=args.repeats,
        threads=args.threads,
        device=args.device,
        compiled=args.compile,
        only=args.only,
        baseline=args.baseline,
    )
    if args.quick:
        return Options(
            sizes=args.size[:1],
            people=[],
            batches=[1],
            flips=[True],
            train_batch=1,
            seconds=min(args.seconds, QUICK_SECONDS),
            # a part that is asked for is measured, however long all would take
            total=float('inf') if args.only else QUICK_TOTAL,
            **common,
        )
    return Options(
        sizes=args.size,
        people=args.people,
        batches=args.batch,
        flips=[choice == 'on' for choice in args.flip],
        seconds=args.seconds,
        **common,
    )


def main() -> None:
    """Measure, print, write and draw."""
    args = parse_args()
    cfg = checks.load_config(args.config)
    files = [args.json] if args.json else []
    files += [Path(args.plots) / name for name in FILES] if args.plots else []
    for path in files:
        check_target(path, args.overwrite)
    if args.roofline:
        given = args.size[0], args.repeats, args.threads, args.device
        print(run_roofline(args.config, cfg, *given))
        return
    result = run_benchmark(args.config, cfg, read_options(args))
    print(format_report(result))
    if args.save:
        print(f'kept in {save(result)}')
        write_page()
    if args.json:
        with write_whole(args.json) as partial:
            partial.write_text(json.dumps(result, indent=2) + '\n')
    if args.plots:
        try:
            draw_plots(result, args.plots)
        except OSError as error:
            raise UserError(f'cannot write the plots: {error}') from error


if __name__ == '__main__':
    sys.exit(run_tool(main))
