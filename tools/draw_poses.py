r"""Draw the poses that a model finds, several images on one sheet.

    python tools/draw_poses.py configs/centergroup_small_synthetic.py \
        centergroup_mm/zoo/centergroup_small_synthetic.pth data/synthetic/full_val/images \
        poses.jpg --num 6 --score-thr 0.3

The images are one file, or those of a folder in the order of their names.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from centergroup_lite.drawing import draw_poses, montage, write_image
from centergroup_lite.errors import UserError, run_tool
from centergroup_lite.files import check_target, check_writable
from centergroup_lite.sources import Unreadable, find_sources, read_image
from centergroup_mm.inference import TorchPredictor, load_model
from centergroup_mm.utils import cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('images', help='an image or a folder of images')
    parser.add_argument('out', help='image to write')
    parser.add_argument('--num', type=int, default=9, help='images to draw, default 9')
    parser.add_argument('--first', type=int, default=0, help='images to skip, default 0')
    parser.add_argument('--columns', type=int, default=3, help='images side by side, default 3')
    parser.add_argument('--side', type=int, default=512, help='long side drawn, default 512')
    parser.add_argument('--score-thr', type=float, default=0.3, help='of poses, default 0.3')
    parser.add_argument('--visible-thr', type=float, default=0.3, help='of joints, default 0.3')
    parser.add_argument('--device', default='cpu', help='default cpu')
    cli.add_overwrite(parser, 'replace the image if it exists')
    return parser.parse_args()


def main() -> None:
    """Load, infer, draw."""
    args = parse_args()
    out = Path(args.out)
    check_target(out, args.overwrite)
    check_writable(out)
    images = [source for source in find_sources([args.images]) if source.kind == 'image']
    images = images[args.first :][: args.num]
    if not images:
        raise UserError(f'{args.images}: no images left after --first {args.first}')
    model = TorchPredictor(load_model(args.config, args.checkpoint, args.device))
    drawn = []
    for source in tqdm(images, unit='img', disable=None):
        try:
            image = read_image(source.path)
        except Unreadable as error:
            raise UserError(str(error)) from error
        poses = model.find(image).best(args.score_thr)
        title = f'{source.path.name}: {len(poses.scores)} people'
        scale = args.side / max(image.shape[:2])
        visible = poses.keypoint_scores >= args.visible_thr
        drawn.append(draw_poses(image, poses.keypoints, visible, model.skeleton, title, scale))
    write_image(out, montage(drawn, columns=args.columns))
    print(f'{out}: {len(drawn)} images')


if __name__ == '__main__':
    sys.exit(run_tool(main))
