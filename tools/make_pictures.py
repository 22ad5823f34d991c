"""Draw the pictures of README and docs with the photograph model of the package.

    python tools/make_pictures.py --overwrite
    python tools/make_pictures.py --out pictures

The photographs are in the public domain and come with matplotlib and scikit-image.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from centergroup_lite.drawing import draw_poses, write_image
from centergroup_lite.files import check_target
from centergroup_mm.commands import explain
from centergroup_mm.inference.predictor import TorchPredictor, load_model
from centergroup_mm.utils import cli
from centergroup_mm.utils.errors import UserError, run_tool

ROOT = Path(__file__).resolve().parents[1]
#: the pictures, relative to the repository
ROW, PANELS = 'centergroup_mm/zoo/photographs.jpg', 'docs/explain.jpg'
HEIGHT = 400  # of the row of photographs, in pixels
#: least scores of poses and keypoints, as `centergroup predict` and `centergroup explain` have them
THRESHOLD, VISIBLE, EXPLAINED = 0.3, 0.5, 0.3


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('--out', default=str(ROOT), help='folder, default: the repository')
    cli.add_overwrite(parser, 'replace pictures that are there')
    return parser.parse_args()


def photographs() -> list[np.ndarray]:
    """Grace Hopper, Eileen Collins and a cameraman, [H x W x 3] BGR each.

    Raises:
        UserError: scikit-image is missing.
    """
    from matplotlib import cbook

    try:
        from skimage import data
    except ImportError as error:
        raise UserError('the photographs need: pip install scikit-image') from error
    with cbook.get_sample_data('grace_hopper.jpg') as file:
        portrait = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    astronaut = np.ascontiguousarray(data.astronaut()[..., ::-1])
    return [portrait, astronaut, cv2.cvtColor(data.camera(), cv2.COLOR_GRAY2BGR)]


def draw_row(images: list[np.ndarray]) -> np.ndarray:
    """Photographs side by side with the poses that the model finds."""
    predictor = TorchPredictor(load_model(device='cpu'))
    drawn = []
    for image in images:
        poses = predictor.find(image).best(THRESHOLD)
        visible = poses.keypoint_scores >= VISIBLE
        scale = HEIGHT / image.shape[0]
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        points = poses.keypoints * scale
        drawn.append(draw_poses(small, points, visible, predictor.skeleton, scale=1.0))
    return np.concatenate(drawn, axis=1)


def draw_panels(image: np.ndarray) -> np.ndarray:
    """What ``centergroup explain --picture`` draws of a photograph."""
    model = explain.load_explained(None, None, 'cpu')
    sample = explain.explain(model, image)
    return explain.draw_panels(image, sample, model.dataset_meta, THRESHOLD, EXPLAINED)


def main() -> None:
    """Draw and write."""
    args = parse_args()
    targets = [Path(args.out, name) for name in (ROW, PANELS)]
    for target in targets:
        check_target(target, args.overwrite)
    images = photographs()
    for target, picture, quality in zip(
        targets, (draw_row(images), draw_panels(images[0])), (85, 70), strict=True
    ):
        write_image(target, picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        print(target)


if __name__ == '__main__':
    sys.exit(run_tool(main))
