"""Command-line arguments of the tools, named as in MMPose, and how they change a config."""

from __future__ import annotations

import argparse
import os
import os.path as osp
from datetime import timedelta
from typing import Any

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.logging import print_log

from centergroup_lite.commands import examples

from .checks import merge_options
from .errors import UserError
from .files import check_folder
from .memory import keep_freed_memory

CFG_OPTIONS_HELP = (
    'change settings of the config: key=value, also key.of.dict=value, key="[a,b]" or key=a,b; '
    'quotation marks are needed around lists and tuples, without spaces'
)


#: launcher -> what starts its processes, and what that puts into their environment
LAUNCHERS: dict[str, tuple[str, tuple[str, ...]]] = {
    'none': ('', ()),
    'pytorch': (
        'torchrun --nproc_per_node N',
        ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
    ),
    'slurm': ('srun', ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST')),
    'mpi': ('mpirun', ('OMPI_COMM_WORLD_LOCAL_RANK',)),
}
#: hooks of ``configs/_base_/default_runtime.py`` that every training needs
DEFAULT_HOOKS = {
    'plain_checkpoint': 'PlainCheckpointHook',
    'randomness': 'RandomnessHook',
    'finite_training': 'FiniteTrainingHook',
    'graceful_stop': 'GracefulStopHook',
}


class OptionsAction(DictAction):
    """``--cfg-options`` that reports mistakes in one line, as argparse does for other arguments."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        """Parse the key=value pairs."""
        try:
            super().__call__(parser, *args, **kwargs)
        except (ValueError, AssertionError) as error:
            parser.error(f'--cfg-options wants key=value pairs: {error}')


def make_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser whose help keeps the examples as they are written.

    Args:
        description: with examples for ``centergroup``; those for ``tools/`` are made from them.
    """
    return argparse.ArgumentParser(
        description=examples(description), formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_overwrite(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Add ``--overwrite``; ``--force``, as some tools called it once, goes on working.

    Args:
        parser: of the tool.
        help_text: what is replaced.
    """
    parser.add_argument('--overwrite', action='store_true', help=help_text)
    parser.add_argument('--force', dest='overwrite', action='store_true', help=argparse.SUPPRESS)


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what training and testing share."""
    parser.add_argument(
        '--work-dir', help='folder for logs and results; default: work_dirs/CONFIG_NAME'
    )
    parser.add_argument('--show-dir', help='folder for images with the predictions drawn')
    parser.add_argument('--show', action='store_true', help='show predictions in a window')
    parser.add_argument(
        '--interval', type=int, default=1, help='draw every n-th image, default %(default)s'
    )
    parser.add_argument(
        '--wait-time', type=float, default=1, help='seconds a window stays, default %(default)s'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=OptionsAction, default={}, help=CFG_OPTIONS_HELP
    )
    parser.add_argument(
        '--launcher',
        choices=list(LAUNCHERS),
        default='none',
        help='what started the processes; pytorch is torchrun',
    )
    # torch.distributed.launch passes it on; torchrun sets the environment variable
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def apply_common_arguments(cfg: Config, args: argparse.Namespace) -> None:
    """Set the launcher and the working folder in the config.

    The folder is that of the argument, else that of the config, else work_dirs/CONFIG_NAME.
    """
    check_launcher(args.launcher)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('./work_dirs', osp.splitext(osp.basename(args.config))[0])
    if 'preprocess_cfg' in cfg:  # an old key of the data preprocessor that MMPose still accepts
        cfg.model.setdefault('data_preprocessor', cfg.preprocess_cfg)


def check_launcher(launcher: str) -> None:
    """Raise a UserError if the program of ``--launcher`` has not started this process."""
    start, variables = LAUNCHERS[launcher]
    missing = [name for name in variables if name not in os.environ]
    if missing:
        raise UserError(
            f'--launcher {launcher}: {", ".join(missing)} not set in the environment; start the '
            f'processes with {start}, or leave --launcher out for one process'
        )


def apply_visualization(cfg: Config, args: argparse.Namespace) -> None:
    """Add the hook that draws predictions if ``--show`` or ``--show-dir`` asks for it.

    Args:
        cfg: changed in place.
        args: with show_dir, show, wait_time and interval.
    """
    if not args.show and args.show_dir is None:
        return
    if args.interval < 1:
        raise UserError(f'--interval is {args.interval}: it draws one image of so many, 1 or more')
    if args.show_dir is not None:
        check_folder('--show-dir', args.show_dir)
    hook = dict(type='mmpose.DrawPredictionsHook', out_dir=args.show_dir, show=args.show)
    hook.update(interval=args.interval, wait_time=args.wait_time)
    cfg.setdefault('default_hooks', {})
    cfg.default_hooks.draw_predictions = hook


def apply_options(cfg: Config, options: dict[str, Any]) -> None:
    """Merge ``--cfg-options`` once more, last so that they win over the other arguments."""
    merge_options(cfg, options)


def prepare_run(cfg: Config) -> None:
    """Adapt a config to this machine, and make its checkpoints loadable.

    Without a GPU, mixed precision is replaced by full precision (mmengine has it on accelerators
    only), processes communicate through gloo, and freed memory is kept. Configs that do not inherit
    from ``_base_/default_runtime.py`` get its hooks, see :func:`add_hooks`, and test batches
    the estimator that takes images of several sizes, see :func:`choose_estimator`.
    """
    choose_estimator(cfg)
    add_hooks(cfg)
    if _has_accelerator():
        return
    keep_freed_memory()
    wrapper = cfg.get('optim_wrapper')
    if wrapper and wrapper.get('type') == 'AmpOptimWrapper':
        print_log('no GPU here: training in full precision instead of AMP', logger='current')
        kept = {key: wrapper[key] for key in wrapper if key not in ('loss_scale', 'dtype')}
        cfg.optim_wrapper = {**kept, 'type': 'OptimWrapper'}
    if cfg.get('launcher', 'none') == 'pytorch':
        _join_gloo(timeout_of(cfg))
        cfg.setdefault('model_wrapper_cfg', dict(type='MMDistributedDataParallel'))
        cfg.model_wrapper_cfg.setdefault('broadcast_buffers', False)
        unused = cfg.get('find_unused_parameters', False)
        cfg.model_wrapper_cfg.setdefault('find_unused_parameters', unused)
        cfg.model_wrapper_cfg.device_ids = None


def add_hooks(cfg: Config) -> None:
    """Add the hooks that keep trainings safe where a config has neither them nor its own.

    Args:
        cfg: changed in place. mmengine's ``CheckpointHook`` becomes ``AtomicCheckpointHook``, which
            takes the same arguments.
    """
    hooks = cfg.get('default_hooks') or ConfigDict()
    present = [*hooks.values(), *(cfg.get('custom_hooks') or ())]
    types = {str(hook.get('type')).rpartition('.')[2] for hook in present if hook}
    for name, kind in DEFAULT_HOOKS.items():
        if kind not in types and hooks.get(name, ()) is not None:  # None switches a hook off
            hooks[name] = ConfigDict(type=f'mmpose.{kind}')
    saving = hooks.setdefault('checkpoint', ConfigDict(type='CheckpointHook', interval=1))
    if saving and saving.get('type') in ('CheckpointHook', 'mmengine.CheckpointHook'):
        saving['type'] = 'mmpose.AtomicCheckpointHook'
    cfg.default_hooks = hooks


def choose_estimator(cfg: Config) -> None:
    """Replace MMPose's estimator where test batches may hold several sizes or scales.

    Configs name MMPose's, because its inferencer, which runs one image at a time, applies its
    threshold of scores to models of that type alone. ``MixedSizePoseEstimator`` gives the same for
    images of one size.

    Args:
        cfg: changed in place.
    """
    if cfg.model.get('type') not in ('BottomupPoseEstimator', 'mmpose.BottomupPoseEstimator'):
        return
    loaders = [cfg.get(name) or {} for name in ('val_dataloader', 'test_dataloader')]
    several = bool((cfg.model.get('test_cfg') or {}).get('multiscale_test', False))
    if several or any(loader.get('batch_size', 1) > 1 for loader in loaders):
        print_log('model.type: MixedSizePoseEstimator, for images of several sizes', 'current')
        cfg.model.type = 'mmpose.MixedSizePoseEstimator'


def timeout_of(cfg: Config) -> float:
    """Seconds after which a run ends because one of its processes does not answer."""
    return float((cfg.get('env_cfg') or {}).get('dist_cfg', {}).get('timeout', 1800))


def leave_group() -> None:
    """Wait for the other processes of a run and leave their group.

    A process that ends while threads of the group still run may be aborted.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _has_accelerator() -> bool:
    """Say whether mmengine would train on something other than the CPU."""
    from mmengine.device import get_device

    return get_device() not in ('cpu', 'mps')


def _join_gloo(timeout: float) -> None:
    """Join the processes that torchrun started; mmengine's own function needs CUDA."""
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo', timeout=timedelta(seconds=timeout))
