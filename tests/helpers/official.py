"""Weights of other programs for the tests of the converter."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor

import centergroup_mm  # noqa: F401
from centergroup_mm.checkpoints.convert_file import model_state_of

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get('CENTERGROUP_SHARED', ROOT.parent / 'shared'))
OFFICIAL = SHARED / 'official'
NEEDS_OFFICIAL = pytest.mark.skipif(
    not OFFICIAL.is_dir(), reason=f'no {OFFICIAL}; set CENTERGROUP_SHARED'
)
FAMILIES = {'det_': 'higherhrnet_center_', 'higherhrnet_repo_': 'higherhrnet_', '': 'centergroup_'}


def key_lists() -> list[str]:
    """Names such as ``det_w32_coco`` of all lists of parameters."""
    return sorted(path.stem.removeprefix('keys_') for path in OFFICIAL.glob('keys_*.json'))


def shapes_of(name: str) -> dict[str, list[int]]:
    """Shapes by official name."""
    return json.loads((OFFICIAL / f'keys_{name}.json').read_text())


def config_of(name: str) -> str:
    """The config that a list of parameters belongs to."""
    old, new = next(item for item in FAMILIES.items() if name.startswith(item[0]))
    return str(ROOT / 'configs' / f'{new}{name.removeprefix(old)}.py')


@functools.lru_cache(maxsize=1)
def filled(name: str) -> Mapping[str, Tensor]:
    """Deterministic weights by official name, not to be changed."""
    spec = importlib.util.spec_from_file_location('fill', OFFICIAL / 'fill.py')
    fill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fill)
    return MappingProxyType(fill.fill_state_dict(shapes_of(name)))


@functools.cache
def model_state(config: str) -> dict[str, Tensor]:
    """Names and shapes of the model of a config."""
    return {k: torch.empty_like(v, device='meta') for k, v in model_state_of(config).items()}


def blank(name: str) -> dict[str, Tensor]:
    """Weights by official name that have a shape and no values."""
    return {key: torch.empty(shape, device='meta') for key, shape in shapes_of(name).items()}


def build(config: str) -> torch.nn.Module:
    """Model of a config."""
    init_default_scope('mmpose')
    return MODELS.build(Config.fromfile(config).model)


def imagenet(source: Callable = filled) -> tuple[dict[str, Tensor], set[str]]:
    """Backbone and, with the right names, what a classifier has besides; the latter's names."""
    weights = source('higherhrnet_repo_w32_coco')
    weights = {k: v for k, v in weights.items() if 'final_layers' not in k}
    weights = {k: v for k, v in weights.items() if 'deconv_layers' not in k}
    extra = {
        'stage4.2.fuse_layers.1.0.0.0.weight': torch.ones(64, 32, 3, 3),
        'stage4.2.fuse_layers.3.2.0.1.running_var': torch.ones(256),
        'incre_modules.0.0.conv1.weight': torch.ones(32, 32, 1, 1),
        'incre_modules.3.0.downsample.1.bias': torch.ones(1024),
        'downsamp_modules.2.0.weight': torch.ones(1024, 512, 3, 3),
        'final_layer.0.weight': torch.ones(2048, 1024, 1, 1),
        'final_layer.1.num_batches_tracked': torch.tensor(0),
        'classifier.weight': torch.ones(1000, 8),
        'classifier.bias': torch.ones(1000),
    }
    return weights | extra, set(extra)
