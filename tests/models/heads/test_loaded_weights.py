"""A model that was loaded from the checkpoint of another one does not predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import load_state_dict

from centergroup_mm.checkpoints.load import check_model_weights
from centergroup_mm.utils.errors import UserError

from ...conftest import ROOT

CONFIG = ROOT / 'configs/centergroup_tiny_synthetic.py'


@pytest.fixture(scope='module')
def model():
    from mmpose.apis import init_model  # after centergroup_mm has repaired it

    return init_model(Config.fromfile(str(CONFIG)), device='cpu')


def infer(model) -> None:
    from mmpose.apis import inference_bottomup

    inference_bottomup(model, np.zeros((64, 64, 3), np.uint8))


def damaged(model, how: str) -> dict:
    """Weights of the model with one tensor too few, too many, or of another shape."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    first = 'backbone.conv1.weight'
    if how == 'missing':
        del state[first]
    elif how == 'no place':
        state['keypoint_head.weight'] = torch.zeros(3)
    else:
        state[first] = torch.zeros(1, 3, 3, 3)
    return state


@pytest.mark.parametrize('how', ['missing', 'no place', 'another shape'])
def test_what_does_not_fit_is_refused_by_mmposes_way_and_by_ours(
    model, how: str, tmp_path: Path
) -> None:
    good = {name: value.clone() for name, value in model.state_dict().items()}
    load_state_dict(model, damaged(model, how))  # as MMPose's inferencer does, in silence
    with pytest.raises(UserError, match=f'does not fit this model: 1 .*{how}'):
        infer(model)
    torch.save(dict(state_dict=damaged(model, how)), tmp_path / 'other.pth')
    with pytest.raises(UserError, match=r'other\.pth does not fit the model of the config: 1 of'):
        check_model_weights(model, str(tmp_path / 'other.pth'))
    load_state_dict(model, good)
    infer(model)


def test_training_accepts_the_weights_it_starts_from(model) -> None:
    good = {name: value.clone() for name, value in model.state_dict().items()}
    load_state_dict(model, damaged(model, 'missing'))
    model.head.loaded_weights.trained()
    infer(model)
    load_state_dict(model, good)
