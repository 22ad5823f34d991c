"""Write a set of synthetic crowds, or measure how fast they are drawn.

    python tools/make_synthetic.py data/synth/train --preset demo --num 1000 --workers 2
    python tools/make_synthetic.py data/synth/crowd --num 500 --seed 7 --size 512 384 --format both
    python tools/make_synthetic.py --speed

The set depends on the preset, the seed, the number and the size only. A set that exists already is
left as it is; an interrupted one is written again.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2

from centergroup_mm.synthetic import PRESETS, make_scene, write_dataset
from centergroup_mm.synthetic.writer import FORMATS
from centergroup_mm.utils import cli
from centergroup_mm.utils.errors import UserError, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('out', nargs='?', metavar='OUT', help='folder to write to')
    parser.add_argument(
        '--preset',
        default='full',
        choices=sorted(PRESETS),
        help='full: 1 to 30 people of all sizes; demo: 1 to 6, a quarter of the height or more '
        '(default: %(default)s)',
    )
    parser.add_argument('--num', type=int, default=100, help='images (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='number of the set (default: 0)')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(256, 256),
        metavar=('W', 'H'),
        help='width and height in pixels (default: 256 256)',
    )
    parser.add_argument(
        '--format', default='coco', choices=sorted(FORMATS), help='annotations (default: coco)'
    )
    parser.add_argument(
        '--workers', type=int, default=0, help='processes that draw (default: 0, this one)'
    )
    cli.add_overwrite(parser, 'replace another set in OUT')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    parser.add_argument(
        '--speed', action='store_true', help='write nothing, print the images a second on one core'
    )
    args = parser.parse_args()
    if args.out is None and not args.speed:
        parser.error('name the folder to write to, or give --speed')
    return args


def measure_speed(preset: str, seed: int, size: tuple[int, int], number: int) -> float:
    """Images drawn and encoded as jpg in a second of one core's time, whatever else runs."""
    cv2.setNumThreads(1)
    make_scene(preset, seed, number, size)  # fills the banks of textures
    start = time.process_time()
    for index in range(number):
        cv2.imencode('.jpg', make_scene(preset, seed, index, size).image)
    return number / (time.process_time() - start)


def write(args: argparse.Namespace) -> str:
    """Write the set if it is not there, and say what there is."""
    manifest = Path(args.out) / 'manifest.json'
    before = manifest.stat().st_mtime_ns if manifest.is_file() else None
    paths = write_dataset(
        args.out,
        args.preset,
        args.num,
        args.seed,
        tuple(args.size),
        args.format,
        args.workers,
        progress=not args.quiet,
        overwrite=args.overwrite,
    )
    if before is not None and manifest.stat().st_mtime_ns == before:
        return f'{args.out} holds this set already'
    return '\n'.join(f'{name}: {path}' for name, path in paths.items())


def main() -> None:
    """Draw and write, or draw and measure."""
    args = parse_args()
    try:
        if args.speed:
            rate = measure_speed(args.preset, args.seed, tuple(args.size), args.num)
            width, height = args.size
            print(f'{args.preset} {width}x{height}: {rate:.1f} images a second on one core')
        else:
            print(write(args))
    except FileExistsError as error:
        raise UserError(f'{error}: choose another folder or pass --overwrite') from error
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error


if __name__ == '__main__':
    sys.exit(run_tool(main))
