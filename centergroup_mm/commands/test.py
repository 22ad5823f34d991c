r"""Evaluate a pose model. Takes the arguments of MMPose's own tools/test.py.

    # the metric of the config on its test set
    centergroup test configs/centergroup_w32_coco.py CHECKPOINT.pth

    # also write the metrics, the predictions and images with the predictions drawn
    centergroup test configs/centergroup_w32_coco.py CHECKPOINT.pth \
        --out metrics.json --dump predictions.pkl --show-dir work_dirs/drawn

    # without flip test, with the data in another folder
    centergroup test CONFIG.py CHECKPOINT.pth --cfg-options \
        model.test_cfg.flip_test=False test_dataloader.dataset.data_root=/data/coco \
        test_evaluator.ann_file=/data/coco/annotations/person_keypoints_val2017.json

Logs go to work_dirs/CONFIG_NAME, or to --work-dir. For a converted checkpoint whose number others
have published, that number is printed beside the one of this run.
"""

from __future__ import annotations

import argparse

import mmengine
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ..checkpoints.load import check_checkpoint, check_fit
from ..engine.first_iteration import settings_at_fault
from ..engine.runner import WholeFilesRunner
from ..utils import checks, cli
from ..utils.errors import UserError
from ..utils.files import check_writable, write_whole
from ..utils.fusing import fuse_for_inference
from ..utils.setup_errors import setting_up
from ..zoo.published import find_published


class SaveMetricHook(Hook):
    """Write the metrics of a test to a file.

    Args:
        path: a .json, .yml or .pkl file.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write them, in the first process only."""
        if metrics is not None and runner.rank == 0:
            content = mmengine.dump(metrics, file_format=self.path.rpartition('.')[2])
            with write_whole(self.path) as partial:
                partial.write_bytes(content if isinstance(content, bytes) else content.encode())


class FuseHook(Hook):
    """Fuse the model when its weights are loaded, because it predicts faster then."""

    def before_test(self, runner: Runner) -> None:
        """Change the model, unless another hook is to exchange its weights."""
        if not any(isinstance(hook, EMAHook) for hook in runner.hooks):
            model = runner.model
            fuse_for_inference(model.module if is_model_wrapper(model) else model)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='file for the metrics: .json, .yml or .pkl')
    parser.add_argument('--dump', help='file for the predictions: .pkl')
    # of MMPose's own tool, whose hook fails on bottom-up models
    parser.add_argument('--badcase', action='store_true', help=argparse.SUPPRESS)
    cli.add_common_arguments(parser)
    args = parser.parse_args()
    for name, endings in (('out', mmengine.fileio.io.file_handlers), ('dump', ('pkl', 'pickle'))):
        path = getattr(args, name)
        if path and path.rpartition('.')[2] not in endings:
            parser.error(f'--{name} wants a file that ends in .{" or .".join(endings)}')
    return args


def configure(args: argparse.Namespace) -> Config:
    """Read the config and put the arguments into it."""
    cfg = checks.load_config(args.config, args.cfg_options)
    cli.apply_common_arguments(cfg, args)
    cfg.load_from, cfg.resume = args.checkpoint, False
    cli.apply_visualization(cfg, args)
    if args.badcase:
        raise UserError('--badcase does not know bottom-up models: draw images with --show-dir')
    for path in filter(None, (args.out, args.dump)):
        check_writable(path)
    if not cfg.get('test_evaluator'):
        raise UserError(f'{args.config} has no test_evaluator')
    cli.apply_options(cfg, args.cfg_options)
    if args.dump:
        evaluators = cfg.test_evaluator
        evaluators = evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]
        cfg.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=args.dump)]
    return cfg


def main() -> None:
    """Check what the run needs, then test."""
    args = parse_args()
    cfg = configure(args)
    meta = {}
    if not checks.is_remote(cfg.load_from):
        meta = check_checkpoint(cfg.load_from).get('meta') or {}
    with setting_up(cfg.filename):
        checks.check_scales(cfg, ('test_dataloader',))
        checks.check_data(cfg, ('test_dataloader',))
        cli.prepare_run(cfg)
        runner = WholeFilesRunner.from_cfg(cfg)
    check_fit(runner, cfg.load_from, every=True)
    runner.register_hook(FuseHook())
    if args.out:
        runner.register_hook(SaveMetricHook(args.out), 'LOWEST')
    with settings_at_fault(runner, cfg.filename):
        metrics = runner.test()
    changed = any(key.startswith('model.') for key in args.cfg_options or {})
    if runner.rank == 0 and not changed:
        report_published(runner, meta, metrics)
    cli.leave_group()


def report_published(runner: Runner, meta: dict, metrics: dict[str, float]) -> None:
    """Print what others have published for this config and checkpoint, if that is certain.

    Args:
        runner: after the test.
        meta: of the checkpoint.
        metrics: what the test gave.
    """
    dataset = runner.test_dataloader.dataset
    published = find_published(runner.cfg.filename, meta, getattr(dataset, 'ann_file', None))
    if published is not None:
        print(published.compare(metrics, len(dataset)))
