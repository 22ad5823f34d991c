"""Read checkpoints and check whether they fit a model."""

from __future__ import annotations

import os.path as osp
import pickle
import re
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor, nn

from ..engine.hooks import DetectorCheckpointHook
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


class HoldsProgram(pickle.UnpicklingError):
    """A file that torch may run or unpack although it is told to load weights only."""


def load_weights(path: str | Path, **options: Any) -> Any:
    """Load a file on the CPU with ``weights_only=True``, which runs no code of it.

    Args:
        path: a local file.
        options: of ``torch.load``.

    Raises:
        HoldsProgram: it is a program.
    """
    refuse_programs(path)
    return torch.load(path, map_location='cpu', weights_only=True, **options)


def refuse_programs(file: str | Path | BinaryIO) -> None:
    """Raise HoldsProgram for what torch before 2.6 runs or unpacks, also with ``weights_only``.

    That is a TorchScript archive, whose own code is run when it is loaded and can write files, and
    a tar file, the format of torch before 0.1.10. Newer versions refuse both.

    Args:
        file: a local file or an open one, which is read from the beginning.
    """
    if isinstance(file, (str, Path)):
        with open(file, 'rb') as opened:
            refuse_programs(opened)
        return
    is_archive = file.read(4) == b'PK\x03\x04'
    file.seek(0)
    if not is_archive:
        is_tar = tarfile.is_tarfile(file)
        file.seek(0)
        if is_tar:
            raise HoldsProgram('it is a tar file, and only what torch.save writes is loaded safely')
        return
    try:  # as torch reads it: zipfile may find other parts in a file that is made to deceive
        parts = torch._C.PyTorchFileReader(file).get_all_records()
    except RuntimeError:  # torch.load says why
        parts = []
    file.seek(0)
    if 'constants.pkl' in parts:
        raise HoldsProgram('it is a TorchScript program, and only weights are loaded safely')


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
        content = load_weights(osp.expanduser(path))
    except UNREADABLE as error:
        raise UserError(
            f'{path} is not a readable checkpoint: {reason_of_failure(error)}'
        ) from error
    damaged = find_damage(osp.expanduser(path))
    if damaged:
        raise UserError(
            f'{path} is damaged: the checksum of {damaged} is another; copy or download it again'
        )
    if not isinstance(content, dict) or not weights_of(content):
        raise UserError(f'{path} is not a checkpoint of a model: it holds no weights')
    return content


def check_load_from(cfg: Config) -> None:
    """Raise a UserError if the weights that training starts from are missing.

    The config key ``load_from_hint`` says how to get them.
    """
    if cfg.get('load_from') and not is_remote(cfg.load_from):
        check_checkpoint(cfg.load_from, cfg.get('load_from_hint') or LOAD_FROM_HINT)


def check_fit(runner: Runner, path: str, *, every: bool) -> None:
    """Raise a UserError if a checkpoint does not fit the model of a runner.

    Args:
        runner: its model takes the weights that fit.
        path: the checkpoint.
        every: see :func:`load_checked`; False for training from the weights of stage 1.
    """
    if is_remote(path):
        return
    content = check_checkpoint(path)
    for hook in runner.hooks:
        if isinstance(hook, DetectorCheckpointHook):
            hook.after_load_checkpoint(runner, content)
    load_checked(getattr(runner.model, 'module', runner.model), content, path, every=every)


def check_model_weights(model: nn.Module, path: str) -> None:
    """Load all weights of a model from a file, or raise a UserError that says what does not fit.

    Args:
        model: takes the weights that fit.
        path: the checkpoint, a local file.
    """
    load_checked(model, check_checkpoint(path), path)


def load_checked(
    model: nn.Module, content: dict[str, Any], path: str, *, every: bool = True
) -> None:
    """Load the weights of a checkpoint, or raise a UserError that says what does not fit.

    Args:
        model: takes the weights that fit.
        content: of the checkpoint.
        path: of the checkpoint, for messages.
        every: True if model and checkpoint must have the same tensors. False if some in common
            are enough; the log says how many there are.
    """
    weights = weights_of(content)
    wrong = next((name for name, value in weights.items() if not is_finite(value)), None)
    if wrong is not None:
        raise UserError(
            f'{path}: {wrong} has values that are not finite: take an earlier checkpoint'
        )
    total, absent, extra = missing_weights(model, weights)
    if (every and (absent or extra)) or len(absent) == total:
        parts = []
        if absent:
            parts.append(
                f'{len(absent)} of its {total} tensors are not in it '
                f'({absent[0]} is missing or has another shape or type)'
            )
        if extra:
            parts.append(f'{len(extra)} of the checkpoint have no place in it ({extra[0]})')
        raise UserError(f'{path} does not fit the model of the config: {", ".join(parts)}')
    if absent or extra:
        print_log(
            f'{path}: {total - len(absent)} of the {total} tensors of the model are taken from '
            f'it, {len(absent)} are not in it, {len(extra)} of it are not used',
            logger='current',
        )


def missing_weights(
    model: nn.Module, weights: dict[str, Tensor]
) -> tuple[int, list[str], list[str]]:
    """Load weights and name those that do not fit; hooks that rename keys are run.

    Args:
        model: any module.
        weights: its state, or that of another model.

    Returns:
        number of tensors of the model, names of those that the weights lack or have in another
        shape, or as integers instead of floating point numbers, and names of the weights that the
        model has no place for. The counters of batch normalization are left out.
    """
    state = {name: value for name, value in model.state_dict().items() if not _is_counter(name)}
    fitting = {
        name: value
        for name, value in weights.items()
        if name not in state or _fits(state[name], value)
    }
    result = model.load_state_dict(fitting, strict=False)
    absent = [name for name in result.missing_keys if not _is_counter(name)]
    extra = [name for name in result.unexpected_keys if not _is_counter(name)]
    return len(state), absent, extra


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


def is_finite(value: Tensor) -> bool:
    """Say whether all values of a tensor are finite; integers always are."""
    return not value.is_floating_point() or bool(torch.isfinite(value).all())


def has_nan(value: Tensor) -> bool:
    """Say whether a tensor has values that are no numbers; infinite ones are in some masks."""
    return value.is_floating_point() and bool(torch.isnan(value).any())


def find_damage(path: str) -> str:
    """Name a part of a checkpoint whose bytes are not those that were written.

    torch writes a checksum of each tensor and does not look at it when it reads them.

    Args:
        path: a file that torch can read.

    Returns:
        the first damaged part; '' if there is none, for files of the format before torch 1.6, which
        have no checksums, and for those that were written without.
    """
    if not zipfile.is_zipfile(path):
        return ''
    bad = []
    with zipfile.ZipFile(path) as parts:
        names = parts.namelist()
        for name in names:
            try:
                with parts.open(name) as part:
                    while part.read(2**24):
                        pass
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError):
                bad.append(name)
    # torch.serialization.set_crc32_options(False) leaves out all of them
    return bad[0] if bad and len(bad) < len(names) else ''


def _fits(own: Tensor, other: Tensor) -> bool:
    """Whether a tensor of a checkpoint can become one of the model without losing anything."""
    same_type = own.is_floating_point() == other.is_floating_point()
    return own.shape == other.shape and same_type and other.layout == torch.strided


def _is_counter(name: str) -> bool:
    return name.endswith('num_batches_tracked')


def reason_of_failure(error: Exception) -> str:
    """Shorten what torch says about a file it cannot load."""
    if isinstance(error, HoldsProgram):
        return str(error)
    needed = re.search(r'(?:GLOBAL|Unsupported class) (\S+)', str(error))  # torch 2.1
    if needed:
        return f'it needs {needed[1]}, and only tensors and plain Python are loaded safely'
    if isinstance(error, RuntimeError):
        return 'it is cut off or damaged'
    return 'torch.save did not write it, or it is cut off'
