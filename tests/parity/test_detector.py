"""The detector against a plain HigherHRNet of the original release (`detector_*`)."""

from __future__ import annotations

import importlib.util
import json

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from .conftest import FOLDER, ROOT, Reference, assert_close, files_of


def released_state(name: str, prefix: str) -> dict[str, torch.Tensor]:
    """Deterministic weights of a released HigherHRNet, under this package's names."""
    spec = importlib.util.spec_from_file_location('fill', FOLDER.parent / 'fill.py')
    fill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fill)
    shapes = json.loads((FOLDER.parent / f'keys_higherhrnet_repo_{name}.json').read_text())
    state = fill.fill_state_dict(shapes, prefix=prefix)
    ours = ('final_layers', 'deconv_layers')
    return {('head.' if k.startswith(ours) else 'backbone.') + k: v for k, v in state.items()}


@pytest.mark.parametrize('path', files_of('detector'))
def test_maps_of_the_release(path):
    ref = Reference(path)
    init_default_scope('mmpose')
    name = ref.meta('config')
    cfg = Config.fromfile(ROOT / 'configs' / f'higherhrnet_{name}.py').model
    model = MODELS.build(cfg)
    model.load_state_dict(released_state(name, ref.meta('prefix')), strict=True)
    model.eval()
    with torch.no_grad():
        quarter, half = model.head(model.backbone(ref['in/img']))
    assert_close(quarter[:, :, ::2, ::2], ref['out/maps4_sub'], 1e-5, 'maps at 1/4')
    assert_close(half[:, :, ::4, ::4], ref['out/maps2_sub'], 1e-5, 'maps at 1/2')
    (heatmaps, finer), tags = model.head.split((quarter, half))
    assert heatmaps.shape[1] == finer.shape[1] == tags.shape[1] == model.head.num_joints
