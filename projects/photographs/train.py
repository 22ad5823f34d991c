"""Train the photograph model, detector included, on one GPU in minutes.

    python tools/convert_checkpoint.py movenet-multipose.json checkpoints/movenet.pth \
        --config configs/movenet_coco.py
    python projects/photographs/train.py checkpoints/movenet.pth --data TRAIN

TRAIN is a folder with person_keypoints.json (COCO's format) and images/. All photographs are kept
on the GPU, where views of them are drawn, so that a step takes as long as the network does.

Detector and grouping are trained together for --steps. The detector's weights are then averaged
with those it came with, which makes it better on photographs that it has not seen than either
(Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022), and the grouping is trained
on for --grouping-steps with that detector. Every tenth photograph is held out: at the end the
scores are calibrated on these, and their average precision is printed.

With --steps 0 the detector stays as it came. --cfg-options leaves out a part of the grouping, for
the rows of the table: model.head.decode.attention.geometry=False, ...
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from finetune.balance import balance, unbalance
from finetune.held_out import calibrate, evaluate
from finetune.photographs import load_photographs
from finetune.trainer import Trainer, average_detector, normalize, set_statistics
from finetune.views import RandomViews
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

from centergroup_mm import zoo
from centergroup_mm.checkpoints.detector import load_detector
from centergroup_mm.utils import checks, cli
from centergroup_mm.utils.errors import UserError, run_tool
from centergroup_mm.utils.files import check_target, write_whole
from centergroup_mm.utils.skeleton import Skeleton, read_metainfo


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('checkpoint', help='weights of the detector')
    parser.add_argument('--config', default=f'configs/{zoo.PHOTOGRAPHS}.py')
    parser.add_argument('--data', required=True, help='folder with person_keypoints.json, images/')
    parser.add_argument('--out', default='work_dirs/photographs.pth', help='default: %(default)s')
    parser.add_argument(
        '--steps', type=int, default=1600, help='with detector, default: %(default)s'
    )
    parser.add_argument(
        '--grouping-steps', type=int, default=2300, help='without, default: %(default)s'
    )
    parser.add_argument(
        '--tuned-share',
        type=float,
        default=0.5,
        help='of the trained detector in the average with the one it came as, default: %(default)s',
    )
    parser.add_argument('--batch-size', type=int, default=48, help='default: %(default)s')
    parser.add_argument('--side', type=int, default=512, help='of the views, default: %(default)s')
    parser.add_argument(
        '--detector-lr', type=float, default=8e-4, help='highest rate, default: %(default)s'
    )
    parser.add_argument(
        '--grouping-lr', type=float, default=4e-3, help='highest rate, default: %(default)s'
    )
    parser.add_argument('--max-images', type=int, help='use the first photographs only')
    parser.add_argument('--device', default='cuda', help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument(
        '--cfg-options', nargs='+', action=cli.OptionsAction, default={}, help=cli.CFG_OPTIONS_HELP
    )
    cli.add_overwrite(parser, 'replace the file to write')
    return parser.parse_args()


def read_annotations(path: Path) -> dict:
    """Content of an annotation file, or a UserError that says why there is none."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f'--data: {path} cannot be read: {error}') from error


def split_ids(coco: dict, most: int | None) -> tuple[list[int], list[int]]:
    """Ids of the photographs to train on and of those held out, every tenth."""
    ids = sorted(image['id'] for image in coco['images'])[:most]
    return [i for n, i in enumerate(ids) if n % 10], ids[::10]


def build(args: argparse.Namespace) -> tuple[nn.Module, Skeleton]:
    """The model of the config with the detector of the checkpoint, and its keypoints."""
    cfg = checks.load_config(args.config)
    cfg.model.head.detector.loss = dict(type='MoveNetLoss')
    cli.apply_options(cfg, args.cfg_options)
    init_default_scope('mmpose')
    model = MODELS.build(cfg.model)
    load_detector(model, args.checkpoint)
    # twice as fast on a GPU
    model.to(args.device, memory_format=torch.channels_last)
    return model, read_metainfo(cfg.model.head.metainfo)


def main() -> None:
    """Load, train, evaluate, write."""
    args = parse_args()
    check_target(args.out, args.overwrite)
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        raise UserError(f'--device {args.device}: torch finds no GPU here')
    data = Path(args.data)
    annotations, images = data / 'person_keypoints.json', data / 'images'
    coco = read_annotations(annotations)
    training, held_out = split_ids(coco, args.max_images)
    torch.manual_seed(args.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    model, skeleton = build(args)
    first = {name: value.clone() for name, value in model.state_dict().items()}
    device = torch.device(args.device)
    photographs = load_photographs(coco, images, training, skeleton.num_keypoints, device)
    views = RandomViews(photographs, list(skeleton.flip_indices), args.side)
    some = torch.arange(0, len(training), max(1, len(training) // 64), device=device).split(16)
    batches = [normalize(model, views.draw(index).images) for index in some]
    set_statistics(model, batches)
    if args.steps:
        balance(model, lambda: [model.head.detector(model.extract_feat(x)) for x in batches])
        model = Trainer(model, views, args.steps, args, train_detector=True).run()
        unbalance(model)
        average_detector(model, first, args.tuned_share)
    if args.grouping_steps:
        model = Trainer(model, views, args.grouping_steps, args, train_detector=False).run()
    calibrate(model, coco, annotations, images, held_out)
    print(evaluate(model, coco, annotations, images, held_out))
    with write_whole(args.out) as path:
        torch.save(dict(state_dict={k: v.cpu() for k, v in model.state_dict().items()}), path)
    print(f'wrote {args.out}')


if __name__ == '__main__':
    sys.exit(run_tool(main))
