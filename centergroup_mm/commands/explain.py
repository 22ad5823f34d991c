"""Show in one page why keypoints were grouped into these poses.

    centergroup explain PHOTO.jpg
    centergroup explain PHOTO.jpg --out why.html --picture why.png

The page is one HTML file that opens from disk and needs no network: choose a center to see which
keypoints it attends to, with each keypoint type, in each layer or round, and choose a limb to see
which keypoints came second. --picture also writes panels for a report: detected keypoints and
centers, attention, poses and heatmaps. Use --config and --checkpoint for another CenterGroup model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from mmpose.structures import PoseDataSample
from torch import nn

from centergroup_lite.drawing import write_image
from centergroup_lite.sources import Unreadable, read_image

from ..inference import load_model
from ..models.heads import CenterGroupHead, PointCenterGroupHead
from ..utils import cli
from ..utils.errors import UserError
from ..utils.files import check_target, check_writable, write_whole
from ..visualization import CenterGroupVisualizer
from ..visualization.explanation_page import render_page


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('image', metavar='IMAGE', help='image file')
    parser.add_argument('--out', help='page to write, default: IMAGE_explained.html, here')
    parser.add_argument('--picture', help='also write panels as an image: .png or .jpg')
    parser.add_argument(
        '--score-thr', type=float, default=0.3, help='least score of a pose, default 0.3'
    )
    parser.add_argument(
        '--visible-thr', type=float, default=0.3, help='least score of a keypoint, default 0.3'
    )
    parser.add_argument('--config', help='default: the photograph model')
    parser.add_argument('--checkpoint', help='default: the weights in the package')
    parser.add_argument('--device', default='auto', help='default: a GPU if there is one')
    cli.add_overwrite(parser, 'replace files that exist')
    return parser.parse_args()


def load_explained(config: str | None, checkpoint: str | None, device: str) -> nn.Module:
    """Build a model that hands out attention and heatmaps; arguments as of ``load_model``."""
    model = load_model(config, checkpoint, device)
    if not isinstance(model.head, (CenterGroupHead, PointCenterGroupHead)):
        raise UserError(f'{config}: a {type(model.head).__name__} has no attention to explain')
    model.test_cfg.update(output_attention=True, output_heatmaps=True)
    return model


def explain(model: nn.Module, image: np.ndarray) -> PoseDataSample:
    """Poses of an image [H x W x 3] (BGR), with heatmaps and the metadata ``attention``."""
    from mmpose.apis import inference_bottomup

    return inference_bottomup(model, image)[0]


def main() -> None:
    """Load, infer, write."""
    args = parse_args()
    path = Path(args.image)
    out = Path(args.out or f'{path.stem}_explained.html')
    targets = [out, *([Path(args.picture)] if args.picture else [])]
    for target in targets:
        check_target(target, args.overwrite)
        check_writable(target)
    if args.picture and targets[1].suffix.lower() not in ('.png', '.jpg', '.jpeg'):
        raise UserError(f'--picture {args.picture}: name a .png or .jpg file')
    try:
        image = read_image(path)
    except Unreadable as error:
        raise UserError(str(error).removesuffix(', left out')) from error
    model = load_explained(args.config, args.checkpoint, args.device)
    sample = explain(model, image)
    meta = model.dataset_meta
    kinds = range(len(meta['keypoint_id2name']))
    page = render_page(
        image,
        sample.attention,
        path.name,
        [meta['keypoint_id2name'][kind] for kind in kinds],
        meta['skeleton_links'],
        args.score_thr,
        args.visible_thr,
    )
    with write_whole(out) as partial:
        partial.write_text(page, 'utf-8')
    people = int((sample.attention.kept & (sample.attention.scores >= args.score_thr)).sum())
    print(f'{out}: {people} {"person" if people == 1 else "people"}')
    if args.picture:
        write_picture(targets[1], image, sample, meta, args)


def write_picture(
    path: Path, image: np.ndarray, sample: PoseDataSample, meta: dict, args: argparse.Namespace
) -> None:
    """Write the panels as an image file."""
    drawn = draw_panels(image, sample, meta, args.score_thr, args.visible_thr)
    write_image(path, drawn, [cv2.IMWRITE_JPEG_QUALITY, 70])
    print(path)


def draw_panels(
    image: np.ndarray, sample: PoseDataSample, meta: dict, score_thr: float, visible_thr: float
) -> np.ndarray:
    """The panels of ``CenterGroupVisualizer``.

    Args:
        image: [H x W x 3] uint8, BGR.
        sample: of :func:`explain`.
        meta: of the data set.
        score_thr: least score of a pose.
        visible_thr: least score of a keypoint.

    Returns:
        [H' x W' x 3] uint8, BGR.
    """
    visualizer = CenterGroupVisualizer(name='explain', score_thr=score_thr)
    visualizer.set_dataset_meta(meta)
    drawn = visualizer.add_datasample(
        'explain', image[..., ::-1], sample, draw_heatmap=True, kpt_thr=visible_thr
    )
    return np.ascontiguousarray(drawn[..., ::-1])
