r"""Train a pose model. Takes the arguments of MMPose's own tools/train.py.

    # CenterGroup on COCO: stage 1 (detector and centers), then stage 2 from its checkpoint
    centergroup train configs/higherhrnet_center_w32_coco.py
    centergroup train configs/centergroup_w32_coco.py --cfg-options load_from=STAGE1.pth

    # resume an interrupted run
    centergroup train configs/centergroup_w32_coco.py --resume

    # eight GPUs; the learning rate follows the batch size
    torchrun --nproc_per_node 8 -m centergroup_lite train configs/centergroup_w32_coco.py \
        --launcher pytorch --auto-scale-lr

    # no download: synthetic crowds, a small model, two CPU cores
    centergroup train configs/centergroup_tiny_synthetic.py

Logs and checkpoints go to work_dirs/CONFIG_NAME, or to --work-dir.
"""

from __future__ import annotations

import argparse
import os

from mmengine.config import Config

from ..checkpoints.load import check_fit, check_load_from
from ..checkpoints.resume import lock_work_dir, prepare_resume
from ..engine.first_iteration import settings_at_fault
from ..engine.hooks import TrainingStopped
from ..engine.processes import group_errors
from ..engine.runner import WholeFilesRunner
from ..utils import checks, cli
from ..utils.errors import UserError, process_rank
from ..utils.setup_errors import setting_up


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from this checkpoint, or without a name from the last one in the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate in training')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate from the config's base batch size to the real one",
    )
    cli.add_common_arguments(parser)
    return parser.parse_args()


def configure(args: argparse.Namespace) -> Config:
    """Read the config and put the arguments into it."""
    cfg = checks.load_config(args.config, args.cfg_options)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cli.apply_common_arguments(cfg, args)
    if args.amp:
        use_amp(cfg)
    if args.auto_scale_lr:
        if not cfg.get('auto_scale_lr'):
            raise UserError('--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=N) in config')
        cfg.auto_scale_lr.enable = True
    cli.apply_visualization(cfg, args)
    if args.resume not in (None, 'auto'):
        cfg.resume, cfg.load_from = True, args.resume
    cli.apply_options(cfg, args.cfg_options)
    return cfg


def choose_start(cfg: Config, auto: bool) -> None:
    """Set ``resume`` and ``load_from`` to the checkpoint that the run starts from.

    Args:
        cfg: changed in place.
        auto: ``--resume`` without a name: from the newest checkpoint; if there is none yet, the run
            starts as it would without ``--resume``.
    """
    weights = cfg.get('load_from')
    if auto:
        cfg.resume, cfg.load_from = True, None
    if cfg.get('resume'):
        prepare_resume(cfg)
    if not cfg.get('resume'):
        cfg.load_from = weights
        check_load_from(cfg)


def use_amp(cfg: Config) -> None:
    """Replace the plain optimizer wrapper by the mixed-precision one."""
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise UserError(f'--amp does not go with the optimizer wrapper {wrapper}')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def main() -> None:
    """Train, alone in the work dir."""
    args = parse_args()
    cfg = configure(args)
    lock = lock_work_dir(cfg.work_dir) if process_rank() == 0 else None
    try:
        train(cfg, auto=args.resume == 'auto')
    finally:
        if lock is not None:
            os.close(lock)


def train(cfg: Config, auto: bool) -> None:
    """Check what a run needs, then train.

    Args:
        cfg: the config with all arguments.
        auto: see :func:`choose_start`.
    """
    choose_start(cfg, auto)
    with setting_up(cfg.filename):
        checks.check_scales(cfg, ('val_dataloader',))
        checks.check_data(cfg, ('train_dataloader', 'val_dataloader'))
        cli.prepare_run(cfg)
        runner = WholeFilesRunner.from_cfg(cfg)
    if cfg.get('load_from'):
        check_fit(runner, cfg.load_from, every=bool(cfg.get('resume')))
    with settings_at_fault(runner, cfg.filename), group_errors(cli.timeout_of(cfg)):
        try:
            runner.train()
        except TrainingStopped:
            cli.leave_group()
            raise
        cli.leave_group()
