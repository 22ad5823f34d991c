"""Draw the poses of all people in photographs, with the model that comes with the package.

    python tools/demo.py PHOTO.jpg
    python tools/demo.py holiday/*.jpg --out drawn --score-thr 0.5

Each drawing is written as NAME_poses.jpg into the current folder, or into that of --out. Use
--config and --checkpoint for another model.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from mmengine.logging import MMLogger
from torch import nn

import centergroup_mm  # noqa: F401
from centergroup_mm import zoo
from centergroup_mm.checkpoints.load import check_model_weights
from centergroup_mm.utils import cli
from centergroup_mm.utils.checks import load_config
from centergroup_mm.utils.errors import UserError, run_tool
from centergroup_mm.visualization import draw_poses

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / f'{zoo.PHOTOGRAPHS}.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('images', nargs='+', metavar='PHOTO', help='image files')
    parser.add_argument('--out', default='.', help='folder of the drawings, default: here')
    parser.add_argument(
        '--score-thr', type=float, default=0.3, help='least score of a pose, default 0.3'
    )
    parser.add_argument(
        '--visible-thr', type=float, default=0.5, help='least score of a keypoint, default 0.5'
    )
    parser.add_argument('--config', default=str(CONFIG), help='default: the photograph model')
    parser.add_argument('--checkpoint', help='default: the weights in the package')
    parser.add_argument('--device', default='cpu', help='default cpu')
    parser.add_argument('--overwrite', action='store_true', help='replace drawings that exist')
    return parser.parse_args()


def load_model(
    config: str = str(CONFIG), checkpoint: str | None = None, device: str = 'cpu'
) -> nn.Module:
    """Build the model with all of its weights, or say in one line what does not fit."""
    from mmpose.apis import init_model  # after centergroup_mm, see compat.py

    MMLogger.get_instance('mmengine').setLevel('ERROR')
    cfg = load_config(config)
    path = checkpoint or str(zoo.weights_of(Path(config).stem.removesuffix('_ms')))
    model = init_model(cfg, None, device='cpu')
    check_model_weights(model, path)
    return model.to(device)


def draw_people(
    model: nn.Module, image: np.ndarray, score_thr: float = 0.3, visible_thr: float = 0.5
) -> tuple[np.ndarray, int, float]:
    """Find people in an image and draw them.

    Args:
        model: result of :func:`load_model`.
        image: [H x W x 3] uint8, BGR.
        score_thr: least score of a pose.
        visible_thr: least score of a keypoint that is drawn.

    Returns:
        the drawing [H x W x 3], the number of people, and the seconds that finding them took.
    """
    from mmpose.apis import inference_bottomup

    clock = time.perf_counter()
    found = inference_bottomup(model, image)[0].pred_instances
    seconds = time.perf_counter() - clock
    kept = found.bbox_scores >= score_thr
    visible = found.keypoint_scores[kept] >= visible_thr
    links = model.dataset_meta['skeleton_links']
    drawn = draw_poses(image, found.keypoints[kept], visible, links, scale=1.0)
    return drawn, int(kept.sum()), seconds


def main() -> None:
    """Load, infer, draw."""
    args = parse_args()
    folder = Path(args.out)
    outputs = [folder / f'{Path(image).stem}_poses.jpg' for image in args.images]
    existing = [path for path in outputs if path.exists() and not args.overwrite]
    if existing:
        raise UserError(f'{existing[0]} exists: pass --overwrite or name a folder with --out')
    if len(set(outputs)) < len(outputs):
        raise UserError('two of the images have one name: draw them into folders of their own')
    model = load_model(args.config, args.checkpoint, args.device)
    folder.mkdir(parents=True, exist_ok=True)
    unreadable = 0
    for path, out in zip(args.images, outputs, strict=True):
        image = cv2.imread(str(path))
        if image is None:
            sys.stderr.write(f'{path}: not a readable image, left out\n')
            unreadable += 1
            continue
        drawn, people, seconds = draw_people(model, image, args.score_thr, args.visible_thr)
        if not cv2.imwrite(str(out), drawn):
            raise UserError(f'{out} cannot be written')
        print(f'{out}: {people} {"person" if people == 1 else "people"} in {seconds:.2f} s')
    if unreadable:
        raise UserError(f'{unreadable} of {len(args.images)} images could not be read')


if __name__ == '__main__':
    sys.exit(run_tool(main))
