"""What a perfect grouping of the detector's peaks would reach: is detector or grouping the limit?

    python projects/photographs/ceiling.py --data DEV

    # of the detector as released
    python projects/photographs/ceiling.py --data DEV --weights checkpoints/movenet.pth

For every annotated person, each keypoint is the peak of its type that is nearest to the annotation,
and poses are ranked by their true OKS. DEV is a folder with person_keypoints.json (COCO's format)
and images/.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from finetune.held_out import read_squares
from finetune.trainer import normalize
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from centergroup_mm import zoo
from centergroup_mm.checkpoints.detector import load_detector
from centergroup_mm.evaluation.average_precision import coco_numbers
from centergroup_mm.models.grouping.pose_similarity import pose_similarity
from centergroup_mm.utils import checks, cli
from centergroup_mm.utils.errors import UserError, run_tool


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('--data', required=True, help='folder with person_keypoints.json, images/')
    parser.add_argument('--config', default=f'configs/{zoo.PHOTOGRAPHS}.py')
    parser.add_argument('--weights', help='default: those in the package')
    return parser.parse_args()


@torch.no_grad()
def perfect_poses(model: torch.nn.Module, coco: dict, folder: Path) -> list[dict]:
    """COCO results of a perfect choice among the peaks.

    Args:
        model: pose estimator with a ``PointCenterGroupHead``.
        coco: content of the annotation file.
        folder: of the images.
    """
    head, results = model.head, []
    people: dict[int, list[dict]] = {info['id']: [] for info in coco['images']}
    for person in coco['annotations']:
        if any(person['keypoints'][2::3]):
            people[person['image_id']].append(person)
    for ids, images, ratios in read_squares(coco, folder, list(people), 512):
        feats = model.extract_feat(normalize(model, images))
        peaks = head.read(feats, head.detector.detect(feats))[1]
        for row, (index, ratio) in enumerate(zip(ids, ratios, strict=True)):
            found = peaks.points[row] * head.stride / torch.as_tensor(ratio).float()
            for person in people[index]:
                joints = torch.tensor(person['keypoints']).float().view(-1, 3)
                square = (found - joints[:, None, :2]).square().sum(-1)
                square = square.masked_fill(~peaks.valid[row], torch.inf)
                chosen = found[torch.arange(len(found)), square.argmin(-1)]
                oks = pose_similarity(
                    chosen[None],
                    joints[None, :, :2],
                    joints[None, :, 2] > 0,
                    torch.tensor([float(person['area'])]),
                    head.sigmas,
                )
                flat = torch.cat([chosen, torch.ones(len(chosen), 1)], 1).flatten().tolist()
                results.append(
                    dict(image_id=index, category_id=1, keypoints=flat, score=float(oks))
                )
    return results


def main() -> None:
    """Run the detector, choose, and print average precision."""
    args = parse_args()
    data = Path(args.data)
    file = data / 'person_keypoints.json'
    if not file.is_file():
        raise UserError(f'--data {data}: there is no person_keypoints.json')
    coco = json.loads(file.read_text())
    init_default_scope('mmpose')
    model = MODELS.build(checks.load_config(args.config).model).eval()
    load_detector(model, args.weights or str(zoo.weights_of(zoo.PHOTOGRAPHS)))
    results = perfect_poses(model, coco, data / 'images')
    ids = [info['id'] for info in coco['images']]
    numbers = coco_numbers(file, results, ids, model.head.sigmas.tolist())
    print(', '.join(f'{name} {value:.3f}' for name, value in numbers.items()))


if __name__ == '__main__':
    sys.exit(run_tool(main))
