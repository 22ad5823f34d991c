"""Look before a run starts whether everything it needs is there."""

from __future__ import annotations

import os.path as osp
import pickle
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner, find_latest_checkpoint
from torch import Tensor, nn

from .errors import UserError

#: how to get a data set, for configs that have no ``data_hint`` of their own
DATA_HINTS = {
    'CocoDataset': 'get train2017.zip, val2017.zip and annotations_trainval2017.zip from '
    'https://cocodataset.org/#download and unpack them into {root}',
    'CrowdPoseDataset': 'get the images from https://github.com/Jeff-sjtu/CrowdPose and '
    'mmpose_crowdpose_{trainval,test}.json from the MMPose documentation, and put them into '
    '{root}',
}
OTHER_HINT = 'put it there, or say where it is with --cfg-options {loader}.dataset.data_root=PATH'
#: what torch.load raises for files that are cut off or were never checkpoints
UNREADABLE = (
    pickle.UnpicklingError,
    struct.error,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
LOAD_FROM_HINT = (
    'train stage 1 with `python tools/train.py configs/higherhrnet_center_w32_coco.py`, or '
    "convert the authors' checkpoint with `python tools/convert_checkpoint.py`, and name the "
    'file with --cfg-options load_from=PATH'
)


def load_config(path: str) -> Config:
    """Read a config file, or say in one line why not."""
    if not osp.isfile(path):
        raise UserError(f'config not found: {osp.abspath(path)}')
    try:
        return Config.fromfile(path)
    except (OSError, SyntaxError) as error:
        raise UserError(f'config {path} cannot be read: {error}') from error


def check_data(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Raise a UserError if annotations or images of a data loader or its metric are missing.

    Args:
        cfg: The whole config; its ``data_hint`` says how to get the data, if it has one.
        loaders: Names of the data loaders that the run will use, ``'train_dataloader'`` ...
    """
    for loader in loaders:
        if cfg.get(loader):
            for dataset in _datasets(cfg[loader].get('dataset')):
                _check_dataset(cfg, loader, dataset)
            _check_evaluator(cfg, loader.replace('dataloader', 'evaluator'))


def check_scales(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Raise a UserError if the data come in several scales and the model wants one, or inversely.

    Args:
        cfg: The whole config.
        loaders: Names of the data loaders of validation or testing that the run will use.
    """
    wanted = bool((cfg.model.get('test_cfg') or {}).get('multiscale_test', False))
    for loader in loaders:
        for dataset in _datasets((cfg.get(loader) or {}).get('dataset')):
            scales = [step.get('aug_scales') for step in dataset.get('pipeline') or ()]
            if any(scales) != wanted:
                given = 'several scales (aug_scales)' if any(scales) else 'one scale, no aug_scales'
                raise UserError(
                    f'{loader}: its pipeline gives {given}, but model.test_cfg.multiscale_test is '
                    f'{wanted}; the configs that end in _ms.py show how the two go together'
                )


def check_checkpoint(path: str, hint: str = '') -> dict[str, Any]:
    """Load a checkpoint on the CPU, with ``weights_only=True`` always.

    Args:
        path: A local file.
        hint: How to get it, for the message where it is missing.

    Returns:
        dict: Its content.
    """
    if not osp.isfile(osp.expanduser(path)):
        raise UserError(
            f'checkpoint not found: {osp.abspath(path)}' + (f'; {hint}' if hint else '')
        )
    try:
        content = torch.load(osp.expanduser(path), map_location='cpu', weights_only=True)
    except UNREADABLE as error:
        raise UserError(f'{path} is not a readable checkpoint: {_reason(error)}') from error
    if not isinstance(content, dict) or not weights_of(content):
        raise UserError(f'{path} is not a checkpoint of a model: it holds no weights')
    return content


def check_load_from(cfg: Config) -> None:
    """Raise a UserError if the weights that training starts from are missing.

    The config key ``load_from_hint`` says how to get them.
    """
    if cfg.get('load_from') and not is_remote(cfg.load_from):
        check_checkpoint(cfg.load_from, cfg.get('load_from_hint') or LOAD_FROM_HINT)


def check_resume(cfg: Config) -> None:
    """Raise a UserError if training cannot go on from what ``resume`` finds or names."""
    path = cfg.get('load_from') or find_latest_checkpoint(cfg.work_dir)
    if path and not is_remote(path):
        content = check_checkpoint(path)
        missing = [key for key in ('meta', 'message_hub', 'optimizer') if key not in content]
        if missing:
            raise UserError(
                f'{path} holds weights only, without {", ".join(missing)}: it cannot be resumed; '
                'to start from its weights use --cfg-options load_from=PATH without --resume'
            )


def check_fit(runner: Runner, path: str, *, every: bool) -> None:
    """Raise a UserError if a checkpoint is not one of this runner's model.

    Args:
        runner: Its model takes the weights that fit.
        path: The checkpoint.
        every: True if all parameters must be in it (test, resume), False if some must (training
            from the weights of stage 1).
    """
    if is_remote(path):
        return
    model = getattr(runner.model, 'module', runner.model)
    weights = weights_of(check_checkpoint(path))
    total, absent, other = missing_weights(model, weights)
    if (every and absent) or len(absent) == total:
        first = f'{absent[0]} is missing or has another shape'
        raise UserError(
            f'{path} does not fit the model of the config: {len(absent)} of its {total} tensors '
            f'are not in it ({first}), {other} of the checkpoint have no place'
        )


def missing_weights(model: nn.Module, weights: dict[str, Tensor]) -> tuple[int, list[str], int]:
    """Load weights and count what does not fit; hooks that rename keys apply.

    Args:
        model: Any module.
        weights: Its state, or that of another model.

    Returns:
        tuple: Number of tensors of the model, names of those that the weights lack or have in
        another shape, and number of weights that the model has no place for. The counters of
        batch normalisation are left out.
    """
    state = {name: value for name, value in model.state_dict().items() if not _is_counter(name)}
    fitting = {
        name: value
        for name, value in weights.items()
        if name not in state or state[name].shape == value.shape
    }
    result = model.load_state_dict(fitting, strict=False)
    absent = [name for name in result.missing_keys if not _is_counter(name)]
    return len(state), absent, len(result.unexpected_keys)


def weights_of(content: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights of a checkpoint, without the prefix of a distributed model."""
    state = content.get('state_dict', content)
    if not isinstance(state, dict):
        return {}
    return {
        name.removeprefix('module.'): value
        for name, value in state.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }


def is_remote(path: str) -> bool:
    """Say whether mmengine would fetch this path from somewhere else."""
    return '://' in str(path)


def _datasets(dataset: Any) -> Iterator[dict]:
    """Yield the data sets inside wrappers such as CombinedDataset and RepeatDataset."""
    if not isinstance(dataset, dict):
        return
    if dataset.get('ann_file'):
        yield dataset
    yield from _datasets(dataset.get('dataset'))
    for inner in dataset.get('datasets') or ():
        yield from _datasets(inner)


def _check_dataset(cfg: Config, loader: str, dataset: dict) -> None:
    """Look for the annotation file and the image folders of one data set."""
    root = dataset.get('data_root') or ''
    hint = cfg.get('data_hint') or DATA_HINTS.get(str(dataset.get('type')), OTHER_HINT)
    hint = hint.replace('{root}', osp.abspath(root)).replace('{loader}', loader)
    annotations = osp.join(root, dataset['ann_file'])
    if not is_remote(annotations) and not osp.isfile(annotations):
        raise UserError(
            f'{loader}: annotation file missing, looked for {osp.abspath(annotations)}; {hint}'
        )
    for prefix in (dataset.get('data_prefix') or {}).values():
        folder = Path(osp.join(root, prefix))
        if not is_remote(str(folder)) and not (folder.is_dir() and any(folder.iterdir())):
            raise UserError(f'{loader}: images missing, looked in {folder.absolute()}; {hint}')


def _check_evaluator(cfg: Config, name: str) -> None:
    """Look for the annotation files of the metrics, which are set apart from the data sets'."""
    evaluators = cfg.get(name) or ()
    for metric in evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]:
        path = metric.get('ann_file')
        if path and not is_remote(path) and not osp.isfile(path):
            raise UserError(
                f'{name}: annotation file missing, looked for {osp.abspath(path)}; '
                f'say where it is with --cfg-options {name}.ann_file=PATH'
            )


def _is_counter(name: str) -> bool:
    return name.endswith('num_batches_tracked')


def _reason(error: Exception) -> str:
    """Shorten what torch says about a file it cannot load."""
    needed = re.search(r'(?:GLOBAL|Unsupported class) (\S+)', str(error))  # torch 2.1
    if needed:
        return f'it needs {needed[1]}, and only tensors and plain Python are loaded safely'
    if isinstance(error, RuntimeError):
        return 'it is cut off or damaged'
    return 'torch.save did not write it, or it is cut off'
