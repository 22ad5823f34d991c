r"""Find the poses of all people in images, videos or the picture of a camera.

    # draw the poses in photographs, and write them as JSON beside
    centergroup predict PHOTO.jpg
    centergroup predict holiday/ 'more/*.jpg' --out drawn --score-thr 0.5

    # a video, frame by frame; the first camera, until Ctrl-C or for 300 frames
    centergroup predict clip.mp4 --out drawn
    centergroup predict 0 --max-frames 300

    # results for the evaluation by COCO's tools, or a table with one row for each keypoint
    centergroup predict val2017/ --out results --no-draw --format coco
    centergroup predict clip.mp4 --format csv

    # in bfloat16 where the processor computes it faster, as Intel's with AMX do
    centergroup predict PHOTO.jpg --precision auto

    # an exported file, without torch
    centergroup predict PHOTO.jpg --onnx model.onnx

    # another model than that for photographs, which comes with the package
    centergroup predict PHOTO.jpg --config CONFIG.py --checkpoint CHECKPOINT.pth

NAME_poses.jpg or .mp4 is the drawing of NAME, NAME_poses.json has its poses as MMPose's inferencer
writes them. What cannot be read is named and left out, and the exit status is 2 then.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from .commands import examples
from .poses import Predictor
from .session import Plan, run
from .sources import find_sources

FORMATS = ('json', 'coco', 'csv', 'none')
PRECISIONS = ('float32', 'bfloat16', 'float16', 'auto')


def parse_args(formats: Sequence[str] = ('json',)) -> argparse.Namespace:
    """Read the command line.

    Args:
        formats: the default of ``--format``.
    """
    parser = argparse.ArgumentParser(
        description=examples(__doc__ or ''), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='SOURCE',
        help='image, video, folder, pattern in quotation marks, or number of a camera',
    )
    parser.add_argument('--out', default='.', help='folder of the results, default: here')
    parser.add_argument(
        '--format',
        nargs='+',
        choices=FORMATS,
        default=list(formats),
        help=f'of the results, one or several; default: {" ".join(formats)}',
    )
    parser.add_argument('--no-draw', action='store_true', help='write no drawings')
    parser.add_argument(
        '--annotations',
        metavar='FILE',
        help='COCO annotations that have the ids of the images, for --format coco',
    )
    parser.add_argument(
        '--score-thr', type=float, default=0.3, help='least score of a pose, default 0.3'
    )
    parser.add_argument(
        '--visible-thr',
        type=float,
        default=0.5,
        help='least score of a keypoint that is drawn, default 0.5',
    )
    parser.add_argument('--max-frames', type=int, help='of each video or camera, default: all')
    parser.add_argument('--onnx', metavar='FILE', help='an exported file, which needs no torch')
    parser.add_argument('--config', help='file or name; default: the photograph model')
    parser.add_argument('--checkpoint', help='default: the weights in the package')
    parser.add_argument(
        '--device', default='auto', help='such as cpu or cuda:0; default: a GPU if there is one'
    )
    parser.add_argument(
        '--precision',
        choices=PRECISIONS,
        default='float32',
        help='of backbone and detector, default float32; auto: bfloat16 on a CPU with AMX',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace results that exist')
    args = parser.parse_args()
    if args.no_draw and args.format == ['none']:
        parser.error('--no-draw with --format none leaves nothing to write')
    if args.onnx and (args.config or args.checkpoint):
        parser.error('--onnx FILE holds a whole model: leave out --config and --checkpoint')
    if args.onnx and args.precision != 'float32':
        parser.error('--onnx FILE has its precision inside: leave out --precision')
    if args.annotations and 'coco' not in args.format:
        parser.error('--annotations needs --format coco')
    return args


def open_predictor(args: argparse.Namespace) -> Predictor:
    """Open the model that the command line names."""
    if args.onnx:
        from .onnx_file import OnnxPredictor

        return OnnxPredictor(args.onnx, args.device)
    inference = importlib.import_module('centergroup_mm.inference')
    model = inference.load_model(args.config, args.checkpoint, args.device)
    return inference.TorchPredictor(model, args.precision)


def main(formats: Sequence[str] = ('json',)) -> None:
    """Find, draw, write.

    Args:
        formats: the default of ``--format``.
    """
    args = parse_args(formats)
    sources = find_sources(args.sources)
    plan = Plan(
        out=Path(args.out),
        formats=args.format,
        draw=not args.no_draw,
        score_thr=args.score_thr,
        visible_thr=args.visible_thr,
        max_frames=args.max_frames,
        annotations=args.annotations,
        overwrite=args.overwrite,
    )
    plan.check(sources)
    run(open_predictor(args), sources, plan)
