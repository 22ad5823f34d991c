"""Read checkpoints and check whether they fit a model."""

from __future__ import annotations

import os.path as osp
import pickle
import re
import struct
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner, find_latest_checkpoint
from torch import Tensor, nn

from ..utils.checks import is_remote
from ..utils.errors import UserError

#: what torch.load raises for files that are cut off or that are no checkpoints
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
    'convert an official checkpoint with `python tools/convert_checkpoint.py`, and name the '
    'file with --cfg-options load_from=PATH'
)


def check_checkpoint(path: str, hint: str = '') -> dict[str, Any]:
    """Load a checkpoint on the CPU, always with ``weights_only=True``.

    Args:
        path: a local file.
        hint: how to get it, for the message where it is missing.

    Returns:
        its content.
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
    """Raise a UserError if training cannot go on from the checkpoint that ``resume`` means."""
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
    """Raise a UserError if a checkpoint does not fit the model of a runner.

    Args:
        runner: its model takes the weights that fit.
        path: the checkpoint.
        every: True if all parameters must be in it (test, resume), False if some must (training
            from the weights of stage 1).
    """
    if not is_remote(path):
        check_model_weights(getattr(runner.model, 'module', runner.model), path, every=every)


def check_model_weights(model: nn.Module, path: str, *, every: bool = True) -> None:
    """Load the weights of a checkpoint, or raise a UserError that says what does not fit.

    Args:
        model: takes the weights that fit.
        path: the checkpoint, a local file.
        every: True if all parameters must be in it, False if some must.
    """
    total, absent, other = missing_weights(model, weights_of(check_checkpoint(path)))
    if (every and absent) or len(absent) == total:
        first = f'{absent[0]} is missing or has another shape'
        raise UserError(
            f'{path} does not fit the model of the config: {len(absent)} of its {total} tensors '
            f'are not in it ({first}), {other} of the checkpoint have no place'
        )


def missing_weights(model: nn.Module, weights: dict[str, Tensor]) -> tuple[int, list[str], int]:
    """Load weights and count those that do not fit; hooks that rename keys are run.

    Args:
        model: any module.
        weights: its state, or that of another model.

    Returns:
        number of tensors of the model, names of those that the weights lack or have in
        another shape, and number of weights that the model has no place for. The counters of
        batch normalization are left out.
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
