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

import cv2
from mmengine.logging import MMLogger
from tqdm import tqdm

import centergroup_mm  # noqa: F401
from centergroup_mm.checkpoints.load import check_checkpoint
from centergroup_mm.utils import checks, cli
from centergroup_mm.utils.errors import UserError, run_tool
from centergroup_mm.utils.files import check_target
from centergroup_mm.visualization import draw_poses, montage

ENDINGS = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')


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


def find_images(path: Path, first: int, num: int) -> list[Path]:
    """Image files at ``path``; UserError if there are none."""
    if path.is_file():
        return [path]
    found = sorted(p for p in path.glob('*') if p.suffix.lower() in ENDINGS)[first : first + num]
    if not found:
        raise UserError(f'{path}: no images ({", ".join(ENDINGS)})')
    return found


def main() -> None:
    """Load, infer, draw."""
    from mmpose.apis import inference_bottomup, init_model  # after centergroup_mm has repaired it

    args = parse_args()
    out = Path(args.out)
    check_target(out, args.overwrite)
    images = find_images(Path(args.images), args.first, args.num)
    cfg = checks.load_config(args.config)
    check_checkpoint(args.checkpoint)
    MMLogger.get_current_instance().setLevel('ERROR')
    model = init_model(cfg, args.checkpoint, device=args.device)
    drawn = []
    for path in tqdm(images, unit='img'):
        image = cv2.imread(str(path))
        if image is None:
            raise UserError(f'{path}: not a readable image')
        found = inference_bottomup(model, image)[0].pred_instances
        kept = found.bbox_scores >= args.score_thr
        visible = found.keypoint_scores[kept] >= args.visible_thr
        title = f'{path.name}: {kept.sum()} people'
        links = model.dataset_meta['skeleton_links']
        scale = args.side / max(image.shape[:2])
        keypoints = found.keypoints[kept]
        drawn.append(draw_poses(image, keypoints, visible, links, title, scale))
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), montage(drawn, columns=args.columns))
    print(f'{out}: {len(drawn)} images')


if __name__ == '__main__':
    sys.exit(run_tool(main))
