"""Write a set of synthetic crowds, or measure how fast they are drawn."""

import argparse
import sys
import time
from pathlib import Path

import cv2

# The checkout itself, for a package that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from centergroup_mm.synthetic import PRESETS, make_scene, write_dataset
from centergroup_mm.synthetic.writer import FORMATS

EXAMPLES = """examples:
  python tools/make_synthetic.py data/synth/train --preset demo --num 1000 --workers 2
  python tools/make_synthetic.py data/synth/crowd --num 500 --seed 7 --size 512 384 --format both
  python tools/make_synthetic.py --speed

The set depends on the preset, the seed, the number and the size only. A set that is there
already is left as it is; an interrupted one is made again.
"""


def parse_args(argv: list[str] | None = None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """The parser, for its error messages, and the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', nargs='?', metavar='OUT', help='folder to write to')
    parser.add_argument(
        '--preset', default='full', choices=sorted(PRESETS),
        help='full: 1 to 30 people of all sizes; demo: 1 to 6, a quarter of the height or more '
        '(default: %(default)s)',
    )  # fmt: skip
    parser.add_argument('--num', type=int, default=100, help='images (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='number of the set (default: 0)')
    parser.add_argument(
        '--size', type=int, nargs=2, default=(256, 256), metavar=('W', 'H'),
        help='width and height in pixels (default: 256 256)',
    )  # fmt: skip
    parser.add_argument(
        '--format', default='coco', choices=sorted(FORMATS), help='annotations (default: coco)'
    )
    parser.add_argument(
        '--workers', type=int, default=0, help='processes that draw (default: 0, this one)'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace another set in OUT')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    parser.add_argument(
        '--speed', action='store_true', help='write nothing, print the images a second on one core'
    )
    return parser, parser.parse_args(argv)


def measure_speed(preset: str, seed: int, size: tuple[int, int], number: int) -> float:
    """Images drawn and encoded as jpg in a second of one core's time, whatever else runs."""
    cv2.setNumThreads(1)
    make_scene(preset, seed, number, size)  # fills the banks of textures
    start = time.process_time()
    for index in range(number):
        cv2.imencode('.jpg', make_scene(preset, seed, index, size).image)
    return number / (time.process_time() - start)


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    parser, args = parse_args(argv)
    size = tuple(args.size)
    try:
        if args.speed:
            rate = measure_speed(args.preset, args.seed, size, args.num)
            print(f'{args.preset} {size[0]}x{size[1]}: {rate:.1f} images a second on one core')
            return 0
        if args.out is None:
            raise ValueError('name the folder to write to, or give --speed')
        manifest = Path(args.out) / 'manifest.json'
        before = manifest.stat().st_mtime_ns if manifest.is_file() else None
        paths = write_dataset(
            args.out, args.preset, args.num, args.seed, size, args.format, args.workers,
            not args.quiet, args.overwrite,
        )  # fmt: skip
    except FileExistsError as error:
        print(f'{parser.prog}: error: {error} (--overwrite)', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f'{parser.prog}: stopped; the same call makes the set anew', file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f'{parser.prog}: error: {error}', file=sys.stderr)
        return 2
    if before is not None and manifest.stat().st_mtime_ns == before:
        print(f'{args.out} holds this set already')
    else:
        print('\n'.join(f'{name}: {path}' for name, path in paths.items()))
    return 0


if __name__ == '__main__':
    sys.exit(main())
