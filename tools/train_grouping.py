r"""Train the grouping of a config on a frozen detector, in minutes on a CPU.

The detector of CHECKPOINT runs on --views views of every training image, each randomly scaled,
flipped and recolored (grouping_pipeline of the config). Its features at the proposals are kept in
memory, 0.3 MB for each view, and the grouping is trained on them.

    python tools/train_grouping.py configs/centergroup_movenet_photos.py checkpoints/movenet.pth

    # a dataset in COCO's format that lies elsewhere
    python tools/train_grouping.py configs/centergroup_movenet_photos.py checkpoints/movenet.pth \
        --cfg-options grouping_dataloader.dataset.data_root=PATH \
        grouping_dataloader.dataset.ann_file=person_keypoints.json \
        grouping_dataloader.dataset.data_prefix.img=images
"""

from __future__ import annotations

import argparse
import sys

import torch
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.checkpoints.detector import load_detector
from centergroup_mm.engine.grouping_trainer import set_standardization, train_grouping
from centergroup_mm.engine.proposal_cache import cache_views
from centergroup_mm.utils import checks, cli
from centergroup_mm.utils.errors import UserError, run_tool
from centergroup_mm.utils.files import check_target, check_writable, write_whole


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('config', help='config file with a PointCenterGroupHead')
    parser.add_argument(
        'checkpoint', help='weights of the detector, or of a whole model that is trained on'
    )
    parser.add_argument(
        '--out', default='work_dirs/grouping.pth', help='file to write, default %(default)s'
    )
    parser.add_argument(
        '--views', type=int, default=4, help='views of each image, default %(default)s'
    )
    parser.add_argument('--epochs', type=int, default=8, help='default %(default)s')
    parser.add_argument('--batch-size', type=int, default=16, help='default %(default)s')
    parser.add_argument('--max-images', type=int, help='use the first images only')
    parser.add_argument('--seed', type=int, default=0, help='default %(default)s')
    parser.add_argument(
        '--cfg-options', nargs='+', action=cli.OptionsAction, default={}, help=cli.CFG_OPTIONS_HELP
    )
    cli.add_overwrite(parser, 'replace the file to write')
    return parser.parse_args()


def main() -> None:
    """Cache, train, write."""
    args = parse_args()
    check_target(args.out, args.overwrite)
    check_writable(args.out)
    cfg = checks.load_config(args.config)
    cli.apply_options(cfg, args.cfg_options)
    if cfg.model.head.get('type') != 'PointCenterGroupHead':
        raise UserError(f'{args.config}: model.head.type must be PointCenterGroupHead')
    checks.check_data(cfg, ('grouping_dataloader',))
    torch.manual_seed(args.seed)
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    dataset = DATASETS.build(cfg.grouping_dataloader.dataset)
    images = range(min(len(dataset), args.max_images or len(dataset)))
    model = MODELS.build(cfg.model)
    trained = load_detector(model, args.checkpoint)

    def report_view(done: int, total: int) -> None:
        if done == total or done % 100 == 0:
            print(f'detector: {done} of {total} views', flush=True)

    def report_epoch(epoch: int, losses: dict[str, float]) -> None:
        listed = ', '.join(f'{name.removeprefix("loss_")} {x:.3f}' for name, x in losses.items())
        print(f'epoch {epoch} of {args.epochs}: {listed}', flush=True)

    views = cache_views(model, _Subset(dataset, images), args.views, report_view)
    if not trained:  # a trained grouping goes on with the constants that it knows
        set_standardization(model.head.grouping, views)
    train_grouping(
        model.head.grouping,
        model.head.loss_module,
        views,
        args.epochs,
        args.batch_size,
        seed=args.seed,
        report=report_epoch,
    )
    with write_whole(args.out) as path:
        torch.save(dict(state_dict=model.state_dict()), path)
    print(f'wrote {args.out}')


class _Subset:
    """Some images of a dataset, augmented anew at every access."""

    def __init__(self, dataset: torch.utils.data.Dataset, indices: range) -> None:
        self.dataset = dataset
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict:
        return self.dataset[self.indices[index]]


if __name__ == '__main__':
    sys.exit(run_tool(main))
