"""The command line of ``centergroup data``."""

from __future__ import annotations

import argparse

from ..commands import examples
from .check import check_annotations, check_set
from .init import WARMUP, Plan, make_config
from .select import select_keypoints
from .sets import SETS


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from . import __doc__ as about  # here, because the package imports this file

    parser = argparse.ArgumentParser(
        description=examples(about or ''), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest='action', required=True, metavar='check | init | select')
    check = actions.add_parser('check', help='say what is there, what is missing and what is wrong')
    check.add_argument('what', help=f'annotation file, or one of {", ".join(SETS)}')
    check.add_argument('--images', metavar='DIR', help='folder of the images of the file')
    check.add_argument('--sizes', action='store_true', help='open all images, compare their sizes')
    check.add_argument('--root', metavar='DIR', help='folder of the set; default: data/NAME')
    check.add_argument(
        '--max-lines', type=int, default=20, metavar='N', help='problems to list, default 20'
    )
    init = actions.add_parser('init', help='make a config and a description of the keypoints')
    init.add_argument('annotations', help='annotation file to train on')
    init.add_argument('--images', metavar='DIR', required=True, help='folder of its images')
    init.add_argument('--val', metavar='FILE', help='annotation file to evaluate on')
    init.add_argument('--val-images', metavar='DIR', help='its images; default: those of --images')
    init.add_argument('--out', default='.', metavar='DIR', help='folder to write to, default: here')
    init.add_argument('--name', default='my_data', help='of the config, default %(default)s')
    init.add_argument(
        '--samples', type=int, default=4, metavar='N', help='people drawn, default %(default)s'
    )
    init.add_argument(
        '--iterations', type=int, metavar='N', help='of the training; default: about 30 epochs'
    )
    init.add_argument('--overwrite', action='store_true', help='replace files that exist')
    select = actions.add_parser('select', help='write a file with some of the keypoints of another')
    select.add_argument('annotations', help='annotation file')
    select.add_argument('out', help='annotation file to write')
    select.add_argument('--keypoints', nargs='+', required=True, metavar='NAME', help='in order')
    select.add_argument('--overwrite', action='store_true', help='replace the file if it exists')
    args = parser.parse_args()
    if args.action == 'check':
        if args.root and args.what not in SETS:
            check.error(f'--root is for {", ".join(SETS)}: name the folder of a file by --images')
        if (args.images or args.sizes) and args.what in SETS:
            check.error('--images and --sizes are for annotation files: name a set by --root')
        if args.sizes and not args.images:
            check.error('--sizes needs --images')
    elif args.action == 'init':
        if not args.name.isidentifier():
            init.error(f'--name {args.name}: letters, digits and underscores only')
        if args.iterations is not None and args.iterations <= WARMUP:
            init.error(f'--iterations {args.iterations}: more than the {WARMUP} of the warm-up')
    return args


def main() -> None:
    """Check, make or select."""
    args = parse_args()
    if args.action == 'init':
        make_config(Plan(**{name: value for name, value in vars(args).items() if name != 'action'}))
    elif args.action == 'select':
        select_keypoints(args.annotations, args.out, args.keypoints, args.overwrite)
    elif args.what in SETS:
        check_set(SETS[args.what], args.root or f'data/{args.what}')
    else:
        check_annotations(args.what, args.images, args.sizes, args.max_lines)
