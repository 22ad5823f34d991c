"""The models of this package with the deterministic weights of the reference values."""

from __future__ import annotations

import functools
import importlib.util
import json
from types import ModuleType

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.checkpoints.official_names import from_official

from .reference import ROOT, official_file


@functools.cache
def fill_rule() -> ModuleType:
    """The rule that makes weights from names and shapes."""
    spec = importlib.util.spec_from_file_location('fill', official_file('fill.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shapes_of(name: str) -> dict[str, list[int]]:
    """Shapes by official name of a list of parameters, ``w32_coco``, ``det_w32_coco``, ..."""
    return json.loads(official_file(f'keys_{name}.json').read_text())


@functools.cache
def official_state(name: str) -> dict[str, torch.Tensor]:
    """Deterministic weights of a released model, under this package's names."""
    filled = fill_rule().fill_state_dict(shapes_of(name))
    return {from_official(key): value for key, value in filled.items()}


def config_of(name: str, family: str = 'centergroup') -> Config:
    """Config of a data set and width as ``meta/config`` calls them, such as ``w32_coco``."""
    path = ROOT / 'configs' / f'{family}_{name}.py'
    if not path.is_file():
        pytest.fail(f'meta/config is {name!r}, and there is no {path.name} in configs')
    return Config.fromfile(path)


def build_model(
    name: str,
    overrides: dict[str, np.ndarray] | None = None,
    config: str | None = None,
    **options: object,
) -> torch.nn.Module:
    """CenterGroup with the deterministic weights, in evaluation mode.

    Args:
        name: of the weights, and of a config, see :func:`config_of`.
        overrides: weights to replace, by official name.
        config: name of another config for these weights, such as ``w32_coco_ms``.
        options: settings of the config to change, with ``__`` for dots below ``model``.
    """
    init_default_scope('mmpose')
    cfg = config_of(config or name)
    changes = {'model.' + key.replace('__', '.'): value for key, value in options.items()}
    cfg.merge_from_dict(changes)
    model = MODELS.build(cfg.model)
    model.load_state_dict(weights_of(name, overrides), strict=True)
    return model.eval()


def build_head(name: str, overrides: dict[str, np.ndarray] | None = None) -> torch.nn.Module:
    """The head of :func:`build_model` alone, which takes a small part of the time."""
    init_default_scope('mmpose')
    head = MODELS.build(config_of(name).model.head)
    weights = weights_of(name, overrides)
    own = {key: value for key, value in weights.items() if key.startswith('head.')}
    head.load_state_dict({key.removeprefix('head.'): own[key] for key in own}, strict=True)
    return head.eval()


def weights_of(
    name: str, overrides: dict[str, np.ndarray] | None = None
) -> dict[str, torch.Tensor]:
    """Deterministic weights, some of them replaced, under this package's names."""
    replaced = {from_official(k): torch.from_numpy(v) for k, v in (overrides or {}).items()}
    return official_state(name) | replaced
