r"""Export a CenterGroup model as one ONNX graph, from image to poses, flip test inside.

    centergroup export configs/centergroup_w32_coco.py CHECKPOINT.pth model.onnx
    python tools/run_onnx.py model.onnx IMAGE_FOLDER        # onnxruntime, numpy and OpenCV only

    # compare with the eager model at three sizes, batch 1 and 4, and measure the speed of both
    centergroup export CONFIG.py CHECKPOINT.pth model.onnx --check
    # the same on images of one's own, for a file that is there already
    centergroup export CONFIG.py CHECKPOINT.pth model.onnx --check-only --images FOLDER

    # the effect of half precision: the eager model in bfloat16 against the file, which is float32
    centergroup export CONFIG.py CHECKPOINT.pth model.onnx --check-only \
        --precision bfloat16
    # and its effect on AP: bfloat16 on a CPU, float16 on a GPU
    centergroup test CONFIG.py CHECKPOINT.pth --cfg-options test_cfg.fp16=True

    # half the size: weights are stored in half precision, and everything is computed in float32
    centergroup export CONFIG.py CHECKPOINT.pth model.onnx --half-weights

    # without flip test: half the time
    centergroup export CONFIG.py CHECKPOINT.pth model.onnx \
        --cfg-options model.test_cfg.flip_test=False

Inputs: image [B x H x W x 3] uint8, blue first as OpenCV reads it, B, H and W free, H and W
multiples of 32, the images of a batch resized to one size; content [B x 4] float32: x0, y0, x1,
y1 of the image in the padded input.
Outputs, C slots for each image: keypoints [B x C x K x 2] in input pixels, keypoint_scores
[B x C x K], scores [B x C], valid [B x C]. Joint names, skeleton and input size are in the file's
metadata. Of equal peaks, the first in row-major order is taken, as in eager torch.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

import numpy as np
import torch

from ..deploy import check
from ..deploy.export import check_export, export_onnx, export_program
from ..deploy.graph import InferenceGraph
from ..deploy.load import load_graph
from ..utils import checks, cli
from ..utils.errors import UserError
from ..utils.precision import PRECISIONS

IMAGE_SUFFIXES = {'.jpg', '.jpeg', '.png', '.bmp', '.webp'}
BATCHES = (1, 4)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file, or centergroup_mm://NAME')
    parser.add_argument('out', help='ONNX file to write')
    cli.add_overwrite(parser, 'replace OUT if it is there')
    parser.add_argument(
        '--half-weights', action='store_true', help='store weights in half precision'
    )
    parser.add_argument('--check', action='store_true', help='compare with the eager model after')
    parser.add_argument('--check-only', action='store_true', help='check OUT, export nothing')
    parser.add_argument('--images', help='folder of images to check with; default: drawn scenes')
    parser.add_argument(
        '--sides',
        nargs='+',
        type=int,
        metavar='PIXELS',
        help="short sides to check; default: a half, three quarters and all of the config's",
    )
    parser.add_argument(
        '--precision',
        choices=list(PRECISIONS),
        default='float32',
        help='of the eager model with --check-only, default %(default)s',
    )
    parser.add_argument('--threads', type=int, default=2, help='of the check, default %(default)s')
    parser.add_argument(
        '--cfg-options', nargs='+', action=cli.OptionsAction, default={}, help=cli.CFG_OPTIONS_HELP
    )
    args = parser.parse_args()
    if (args.images or args.sides) and not (args.check or args.check_only):
        parser.error('--images and --sides need --check or --check-only')
    if args.precision != 'float32' and not args.check_only:
        parser.error('files are float32: --precision needs --check-only')
    return args


def run_check(args: argparse.Namespace, graph: InferenceGraph, metadata: dict) -> bool:
    """Compare the file with the eager model, and print differences and the ratio of times.

    Returns:
        whether people and places agree in all images without tied peaks.
    """
    torch.set_num_threads(args.threads)
    images = check_images(args.images, max(BATCHES))
    session = check.session_runner(check.open_session(args.out))
    runners = [check.eager_runner(graph), session]
    agree = True
    usual = metadata.get('short_side') or metadata['long_side']
    sides = args.sides or (usual // 2, usual * 3 // 4, usual)
    prepare = functools.partial(check.prepare, long_side='long_side' in metadata)
    for side in sides:
        for batch in BATCHES:
            inputs = prepare(images[:batch], side)
            found, untied, tied = check.compare_runners(graph, runners, *inputs)
            agree = agree and untied.same
            print(f'{side_by_side(inputs[0])}: {describe(found, untied, tied)}', flush=True)
    inputs = prepare(images[:1], max(sides))
    timed = [*runners, check.fused_runner(graph)]
    seconds = check.typical_seconds([functools.partial(run, *inputs) for run in timed])
    eager, exported, fused = seconds
    print(
        f'ONNX is {eager / exported:.2f}x as fast as eager torch, and {fused / exported:.2f}x as '
        'fast as with batch norms folded into convolutions, as centergroup predict runs it '
        '(medians of ten, in alternation, batch 1)'
    )
    return agree


def check_images(folder: str | None, number: int) -> list[np.ndarray]:
    """Read the first images of a folder, or draw scenes if none is named."""
    if folder is None:
        return check.synthetic_images(number)
    paths = sorted(p for p in Path(folder).glob('*') if p.suffix.lower() in IMAGE_SUFFIXES)
    if len(paths) < number:
        raise UserError(f'{folder} holds {len(paths)} images, the check needs {number}')
    return check.read_images(paths[:number])


def side_by_side(image: np.ndarray) -> str:
    """Width, height and number of the images of a batch [B x H x W x 3]."""
    return f'{image.shape[2]:>5}x{image.shape[1]} batch {len(image)}'


def describe(found: check.Agreement, untied: check.Agreement, tied: int) -> str:
    """Say in one line how far two results agree.

    Args:
        found: of all images.
        untied: of the images without tied peaks.
        tied: number of images with tied peaks.
    """
    ours, theirs = (sum(numbers) for numbers in zip(*found.people, strict=True))
    note = ''
    if not found.same:
        note = f'; {tied} images have tied peaks, {untied.moved} are in the others'
    return (
        f'people {ours} and {theirs}, '
        f'{found.moved} of {found.joints} joints more than 0.1 px apart{note}; the others '
        f'{found.distance:.2g} px, visibility {found.visibility:.1g}, score {found.score:.1g}'
    )


def main() -> None:
    """Export and check."""
    args = parse_args()
    cfg = checks.load_config(args.config, args.cfg_options)
    if args.check_only:
        if not Path(args.out).is_file():
            raise UserError(f'{args.out} not found: leave out --check-only to export it')
    else:
        check_export(args.out, args.overwrite)
    graph, metadata = load_graph(cfg, args.checkpoint, args.precision)
    if not args.check_only:
        program = export_program(graph)
        rounded = export_onnx(program, args.out, metadata, args.overwrite, args.half_weights)
        note = f', {rounded} weights rounded to half precision' if args.half_weights else ''
        print(f'wrote {args.out} ({Path(args.out).stat().st_size / 2**20:.1f} MB{note})')
    if args.check or args.check_only:
        agree = run_check(args, graph, metadata)
        if not agree and args.precision == 'float32':
            raise UserError(f'{args.out} and the eager model disagree, see above')
