"""Reference values of the authors' program: where they are and the models they belong to."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.apis.official_names import from_official

ROOT = Path(__file__).parents[2]
FOLDER = Path(
    os.environ.get('CENTERGROUP_REFERENCE', ROOT.parent / 'shared' / 'official' / 'fixtures')
)
CONFIGS = {
    'w32_coco': 'centergroup_w32_coco.py',
    'w48_coco': 'centergroup_w48_coco.py',
    'w48_crowdpose': 'centergroup_w48_crowdpose.py',
}


def files_of(kind: str) -> list:
    """Parameters for the reference files whose name starts with ``kind``."""
    found = sorted(FOLDER.glob(f'{kind}_*.npz')) if FOLDER.is_dir() else []
    if not found:
        reason = f'no {kind}_*.npz in {FOLDER}; set CENTERGROUP_REFERENCE'
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id='absent')]
    return [pytest.param(path, id=path.stem) for path in found]


@functools.cache
def official_state(name: str) -> dict[str, torch.Tensor]:
    """Deterministic weights of a released model, under this package's names."""
    spec = importlib.util.spec_from_file_location('fill', FOLDER.parent / 'fill.py')
    fill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fill)
    shapes = json.loads((FOLDER.parent / f'keys_{name}.json').read_text())
    return {from_official(key): value for key, value in fill.fill_state_dict(shapes).items()}


def build_model(name: str, overrides: dict[str, np.ndarray] | None = None) -> torch.nn.Module:
    """The model of a config with the deterministic weights, in evaluation mode."""
    init_default_scope('mmpose')
    model = MODELS.build(Config.fromfile(ROOT / 'configs' / CONFIGS[name]).model)
    state = dict(official_state(name))
    for key, value in (overrides or {}).items():
        state[from_official(key)] = torch.from_numpy(value)
    model.load_state_dict(state, strict=True)
    model.eval()
    return model


class Reference:
    """One reference file; float16 inputs are widened."""

    def __init__(self, path: Path) -> None:
        self.data = np.load(path)

    def __contains__(self, key: str) -> bool:
        return key in self.data.files

    def __getitem__(self, key: str) -> torch.Tensor:
        value = self.data[key]
        if value.dtype == np.float16:
            value = value.astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(value))

    def meta(self, key: str):
        """An entry of ``meta/`` as plain Python."""
        return self.data[f'meta/{key}'].tolist()

    def overrides(self) -> dict[str, np.ndarray]:
        """Weights the file replaces, by official name."""
        prefix = 'override/'
        return {k[len(prefix) :]: self.data[k] for k in self.data.files if k.startswith(prefix)}


def assert_close(ours: torch.Tensor, theirs: torch.Tensor, atol: float, what: str) -> None:
    """Shapes equal and no entry further than ``atol`` (infinities equal)."""
    ours, theirs = ours.detach().double(), theirs.double()
    assert ours.shape == theirs.shape, f'{what}: {tuple(ours.shape)} != {tuple(theirs.shape)}'
    difference = (ours - theirs).abs().max().item() if ours.numel() else 0.0
    assert difference <= atol, f'{what}: off by {difference:.3g}, allowed {atol:.3g}'
