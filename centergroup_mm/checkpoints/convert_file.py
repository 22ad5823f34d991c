"""Read a checkpoint of another implementation and write one of this package."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor

from ..utils.checks import load_config
from ..utils.errors import UserError
from ..utils.files import check_target, check_writable, write_whole
from .convert import KINDS, Conversion, convert, split_content
from .foreign import load_foreign
from .movenet import convert_movenet


def model_state_of(config: str) -> dict[str, Tensor]:
    """State dict of the model of a config, with arbitrary values.

    Args:
        config: path of the config file.

    Raises:
        UserError: there is no such file, or it describes no model that can be built.
    """
    return _build(load_config(config), config)


def _build(cfg: Config, config: str) -> dict[str, Tensor]:
    if not cfg.get('model'):
        raise UserError(f'{config} has no model')
    init_default_scope('mmpose')
    try:
        return MODELS.build(cfg.model).state_dict()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f'the model of {config} cannot be built: {error}') from error


def convert_file(source: str, target: str, config: str, overwrite: bool = False) -> Conversion:
    """Convert a checkpoint; the target is written completely or not at all.

    Args:
        source: checkpoint of another program, of which only tensors and plain Python are loaded,
            or the graph of MoveNet MultiPose (.json), beside its weights.
        target: file to write, ``dict(state_dict, meta)``; its folder is made.
        config: config whose model takes the weights.
        overwrite: replace ``target`` if it exists.

    Raises:
        UserError: see :func:`centergroup_mm.checkpoints.convert.convert`; or a file is missing,
            unreadable, or would be overwritten.
    """
    path = Path(target).expanduser()
    if path.exists() and path.resolve() == Path(source).expanduser().resolve():
        raise UserError(f'{target} is the checkpoint to convert: name another file to write')
    check_target(path, overwrite)
    check_writable(path)
    cfg = load_config(config)
    if Path(source).suffix == '.json':
        result = convert_movenet(source, _build(cfg, config), config)
    else:
        weights, other = split_content(load_foreign(source))
        result = convert(weights, _build(cfg, config), source)
        result.other = other
    kept = dict(kind=KINDS[result.kind], source=Path(source).name, config=Path(config).name)
    with write_whole(path) as partial:
        torch.save(dict(meta=dict(converted_from=kept), state_dict=_own(result.state)), partial)
    return result


def _own(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that are views, because all of the memory behind a view would be written."""
    return {
        name: value.clone() if value.untyped_storage().nbytes() > value.nbytes else value
        for name, value in state.items()
    }
