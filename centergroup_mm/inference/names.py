"""Models by name: for MMPose's inferencer, for mmengine's look-ups and for its checkpoint loader.

After :func:`register`, ``MMPoseInferencer('centergroup')`` and ``MMPoseInferencer(CONFIG_NAME)``
find the models of this package, MMPose's lists of models and aliases name them, and
``mmengine.hub.get_config('centergroup_mm::CONFIG.py')`` finds its configs.
"""

from __future__ import annotations

import functools
import importlib
import os.path as osp
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmengine.config import utils as config_utils
from mmengine.infer import BaseInferencer
from mmengine.runner.checkpoint import CheckpointLoader
from mmengine.utils import package_utils

from .. import zoo
from ..utils.errors import UserError
from ..utils.fusing import fuse_for_inference
from ..utils.packaged import MIM
from ..zoo.metafile import SCHEME, row_of
from ..zoo.models import MODELS, find_model, how_to_get

PACKAGE = __name__.partition('.')[0]


def register() -> None:
    """Let MMPose and mmengine find what the package has; a second call changes nothing."""
    if PACKAGE in config_utils.MODULE2PACKAGE:
        return
    config_utils.MODULE2PACKAGE[PACKAGE] = PACKAGE
    CheckpointLoader.register_scheme(SCHEME, load_from_zoo, force=True)
    rows = BaseInferencer._get_models_from_metafile
    BaseInferencer._get_models_from_metafile = staticmethod(_with_own_rows(rows))
    BaseInferencer._init_model = _fusing(BaseInferencer._init_model)
    _replace(config_utils._get_package_and_cfg_path, _without_folder)
    _replace(package_utils.get_installed_path, _own_folder)


def load_from_zoo(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Load weights by the name of a model, for mmengine.

    Args:
        filename: ``centergroup_mm://NAME``.
        map_location: of ``torch.load``.

    Raises:
        UserError: there is no such model, or its weights are not in the package. The message says
            who publishes them.
    """
    return torch.load(weights_of(filename.removeprefix(SCHEME)), map_location, weights_only=True)


def weights_of(name: str) -> str:
    """Return the file of the weights of a model of the table.

    Args:
        name: of the model, of its config, or an alias.

    Raises:
        UserError: as of :func:`load_from_zoo`.
    """
    model = find_model(name)
    if model is None:
        raise UserError(f'{name} is no model of the package: its models are {", ".join(names())}')
    if not model.weights:
        raise UserError(how_to_get(model))
    return str(zoo.weights_of(model.weights))


def file_of(checkpoint: str) -> str:
    """Return the file of a checkpoint that may be a name, ``centergroup_mm://NAME``.

    Raises:
        UserError: as of :func:`load_from_zoo`.
    """
    if checkpoint.startswith(SCHEME):
        return weights_of(checkpoint.removeprefix(SCHEME))
    return checkpoint


def names() -> list[str]:
    """Return the names of all models."""
    return [model.name for model in MODELS]


def _with_own_rows(rows: Callable[[str], Iterator[dict]]) -> Callable[[str], Iterator[dict]]:
    """Put the models of this package before those of MMPose's metafiles."""

    def all_rows(folder: str) -> Iterator[dict]:
        if osp.normpath(folder) == osp.normpath(BaseInferencer._get_repo_or_mim_dir('mmpose')):
            for model in MODELS:
                # the path is absolute, so that it stays when the inferencer joins folder and path
                yield {**row_of(model), 'Config': str(MIM / 'configs' / f'{model.name}.py')}
        yield from rows(folder)

    return all_rows


def _fusing(init_model: Callable[..., Any]) -> Callable[..., Any]:
    """Let inferencers fuse the models whose head is of this package, which predict faster then."""

    @functools.wraps(init_model)
    def fused(self: BaseInferencer, *args: Any, **kwargs: Any) -> Any:
        model = init_model(self, *args, **kwargs)
        head = getattr(model, 'head', None)
        return fuse_for_inference(model) if type(head).__module__.startswith(PACKAGE) else model

    return fused


def _without_folder(find: Callable[[str], tuple[str, str]]) -> Callable[[str], tuple[str, str]]:
    """Take names without a folder too: mmengine's pattern wants ``package::folder/config``."""

    def package_and_path(path: str) -> tuple[str, str]:
        package, separator, config = path.partition('::')
        if package == PACKAGE and separator:
            return package, config if config.endswith('.py') else f'{config}.py'
        return find(path)

    return package_and_path


def _own_folder(find: Callable[[str], str]) -> Callable[[str], str]:
    """Know the folder of this package, also if it is installed editable, which mmengine misses."""

    def installed_path(package: str) -> str:
        return str(MIM.parent) if package == PACKAGE else find(package)

    return installed_path


def _replace(old: Callable, wrap: Callable[[Callable], Callable]) -> None:
    """Replace a function of mmengine in all of its modules that have imported it."""
    importlib.import_module('mmengine.hub')
    new = wrap(old)
    for name, module in list(sys.modules.items()):
        if name.partition('.')[0] == 'mmengine' and vars(module).get(old.__name__) is old:
            setattr(module, old.__name__, new)
