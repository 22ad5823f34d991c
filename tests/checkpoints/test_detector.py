"""Weights of a detector for a model that groups what it detects."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

import centergroup_mm  # noqa: F401
from centergroup_mm import zoo
from centergroup_mm.checkpoints.detector import load_detector
from centergroup_mm.utils.checks import load_config
from centergroup_mm.utils.errors import UserError

from ..conftest import ROOT


@pytest.fixture
def model() -> nn.Module:
    init_default_scope('mmpose')
    return MODELS.build(load_config(str(ROOT / 'configs' / f'{zoo.PHOTOGRAPHS}.py')).model)


@pytest.fixture(scope='module')
def whole() -> dict[str, torch.Tensor]:
    content = torch.load(zoo.weights_of(zoo.PHOTOGRAPHS), weights_only=True)
    return {name: value.float() for name, value in content['state_dict'].items()}


def detector_alone(whole: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The detector's weights under the names of its own model."""
    return {
        name.replace('head.detector.', 'head.'): value
        for name, value in whole.items()
        if not name.startswith(('head.grouping.', 'head.calibration'))
    }


def test_a_detector_of_its_own_is_loaded_and_the_grouping_stays_new(
    model: nn.Module, whole: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save(dict(state_dict=detector_alone(whole)), tmp_path / 'detector.pth')
    new = model.head.grouping.embedding.position.weight.clone()
    assert not load_detector(model, str(tmp_path / 'detector.pth'))
    name = 'head.detector.branches.center.1.weight'
    assert torch.equal(model.state_dict()[name], whole[name])
    assert torch.equal(model.head.grouping.embedding.position.weight, new)


def test_a_whole_model_brings_its_grouping(
    model: nn.Module, whole: dict[str, torch.Tensor]
) -> None:
    assert load_detector(model, str(zoo.weights_of(zoo.PHOTOGRAPHS)))
    name = 'head.grouping.embedding.position.weight'
    assert torch.equal(model.state_dict()[name], whole[name])


def test_a_part_that_is_missing_is_named(
    model: nn.Module, whole: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    weights = detector_alone(whole)
    del weights['neck.lateral_convs.0.weight']
    torch.save(dict(state_dict=weights), tmp_path / 'part.pth')
    with pytest.raises(UserError, match=r'neck\.lateral_convs\.0\.weight is missing'):
        load_detector(model, str(tmp_path / 'part.pth'))
