"""Models by name, through MMPose's and mmengine's own doors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hub import get_config
from mmengine.infer import BaseInferencer
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from centergroup_mm import inference, zoo
from centergroup_mm.inference import TorchPredictor, load_model
from centergroup_mm.utils.errors import UserError
from centergroup_mm.zoo.models import MODELS, find_model

from ..conftest import ROOT

# isort: split
from mmpose.apis import (  # after compat.py has repaired it
    MMPoseInferencer,
    Pose2DInferencer,
    inference_bottomup,
)
from mmpose.apis.inferencers.utils import get_model_aliases


@pytest.fixture(scope='module')
def inferencer() -> MMPoseInferencer:
    return MMPoseInferencer('centergroup', device='cpu')


def test_the_inferencer_takes_the_name_and_has_the_weights_of_the_package(inferencer):
    found = inferencer.inferencer.model.state_dict()
    wanted = torch.load(zoo.weights_of(zoo.PHOTOGRAPHS), weights_only=True)['state_dict']
    assert set(found) == set(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_the_predictor_finds_what_mmpose_finds(inferencer, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    model = load_model('centergroup', device='cpu')
    ours = TorchPredictor(model).find(image)
    theirs = inference_bottomup(inferencer.inferencer.model, image)[0].pred_instances
    np.testing.assert_array_equal(ours.keypoints, theirs.keypoints)
    np.testing.assert_array_equal(ours.keypoint_scores, theirs.keypoint_scores)
    np.testing.assert_array_equal(ours.scores, theirs.bbox_scores)
    np.testing.assert_allclose(ours.boxes, theirs.bboxes, rtol=1e-6)
    assert len(TorchPredictor(model).joints) == 17


def test_mmposes_lists_name_the_models_and_keep_their_own():
    aliases = get_model_aliases('mmpose')
    assert aliases['centergroup'] == zoo.PHOTOGRAPHS
    assert aliases['human'].startswith('rtmpose')
    listed = MMPoseInferencer.list_models('mmpose')
    assert set(inference.names()) <= set(listed)
    assert len(listed) > len(MODELS) + 100


@pytest.mark.parametrize('name', inference.names())
def test_every_name_leads_to_its_config_and_to_weights_or_to_who_publishes_them(name):
    inferencer = Pose2DInferencer.__new__(Pose2DInferencer)  # its look-up alone
    inferencer.scope = 'mmpose'
    cfg, weights = inferencer._load_model_from_metafile(name.upper())
    assert Path(cfg.filename).stem == name and cfg.model
    if find_model(name).weights:
        assert 'state_dict' in CheckpointLoader.load_checkpoint(weights)
        return
    with pytest.raises(UserError) as caught:
        CheckpointLoader.load_checkpoint(weights)
    message = str(caught.value)
    assert '\n' not in message and f'no weights of {name}' in message
    if 'nobody publishes any' in message:
        assert 'centergroup train ' in message
    else:
        assert 'https://' in message and 'centergroup convert ' in message
    config = message.rpartition('--config ' if 'convert' in message else 'train ')[2].split('`')[0]
    assert (ROOT / 'configs' / f'{config}.py').is_file()


def test_the_hub_finds_configs_with_and_without_a_folder():
    cfg = get_config('centergroup_mm::centergroup_w32_coco.py')
    assert Path(cfg.filename).resolve() == ROOT / 'configs' / 'centergroup_w32_coco.py'
    cfg = get_config('centergroup_mm::centergroup_movenet_photos', pretrained=True)
    assert 'state_dict' in CheckpointLoader.load_checkpoint(cfg.model_path)
    cfg = get_config('centergroup_mm::ablation/table1_row6_transformer.py')
    assert cfg.model.head.type == 'CenterGroupHead'
    cfg = get_config('mmpose::_base_/default_runtime.py')
    assert cfg.default_scope == 'mmpose'


def test_weights_are_loaded_by_mmengine_as_from_a_file(inferencer):
    model = load_model(device='cpu')
    with torch.no_grad():
        next(model.parameters()).zero_()
    load_checkpoint(model, 'centergroup_mm://centergroup', map_location='cpu')
    wanted = inferencer.inferencer.model.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())


def test_names_that_do_not_exist_are_answered_with_those_that_do():
    with pytest.raises(UserError, match=r'foo is no model of the package.*centergroup_w32_coco'):
        inference.weights_of('foo')
    with pytest.raises(UserError, match='config not found'):
        load_model('foo', device='cpu')
    with pytest.raises(UserError, match='--device cuda:9 cannot be used'):
        load_model(device='cuda:9')


def test_registering_twice_changes_nothing():
    before = BaseInferencer._get_models_from_metafile
    inference.register()
    assert BaseInferencer._get_models_from_metafile is before
