"""Every row of the paper's Tables 1 and 2 trains and tests, and is what its name says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.models.grouping import AttentionGrouping
from centergroup_mm.synthetic import write_dataset

from ..conftest import ROOT
from .test_pipeline import tiny

FULL = 32_465_982
MODULES = 4  # one grouping before the transformer and one after each of its layers
TRANSFORMER, GROUPING = 594_816, 495_554
POSITION, TYPE = 128 * 128 + 128, 18 * 128
VALUE, VISIBILITY = 128 * 17 * 64 + 17 * 64, 41_345
VISIBILITY_OF_CENTER = 2 * (128 * 128 + 128) + 128 * 17 + 17
CENTER = 33_153
ROW5 = FULL - POSITION - TRANSFORMER - (MODULES - 1) * GROUPING
NO_VISIBILITY = FULL - MODULES * (VALUE + VISIBILITY)
ROWS = {
    'table1_row3_same_type': ROW5 - TYPE,
    'table1_row4_type_agnostic': ROW5 - TYPE,
    'table1_row5_type_encoding': ROW5,
    'table1_row6_transformer': FULL - POSITION,
    'table1_row7_position': FULL,
    'table2_row1_heatmap_score': NO_VISIBILITY - MODULES * CENTER,
    'table2_row2_center_classification': NO_VISIBILITY,
    'table2_row3_visibility_mlp': NO_VISIBILITY + MODULES * VISIBILITY_OF_CENTER,
    'table2_row4_visibility_attention': FULL,
}
# What each row changes against the row it inherits from, and the settings that say so.
SWITCHES = {
    'table1_row3_same_type': ('table1_row4_type_agnostic', {'grouping.same_type_only'}),
    'table1_row4_type_agnostic': ('table1_row5_type_encoding', {'neck.type_encoding'}),
    'table1_row5_type_encoding': ('table1_row6_transformer', {'neck.num_layers'}),
    'table1_row6_transformer': ('table1_row7_position', {'neck.position_encoding'}),
    'table1_row7_position': ('../centergroup_w32_coco', set()),
    'table2_row1_heatmap_score': (
        'table2_row2_center_classification',
        {'grouping.classify_centers', 'loss.center_weight'},
    ),
    'table2_row2_center_classification': (
        'table2_row3_visibility_mlp',
        {'grouping.visibility', 'loss.visibility_weight', 'decoder.by_visibility'},
    ),
    'table2_row3_visibility_mlp': ('table2_row4_visibility_attention', {'grouping.visibility'}),
    'table2_row4_visibility_attention': ('../centergroup_w32_coco', set()),
}


def load(name: str) -> Config:
    """A config of the ablations."""
    return Config.fromfile(ROOT / f'configs/ablation/{name}.py')


def flat(value: object, prefix: str = '') -> dict:
    """Settings by dotted name."""
    if not isinstance(value, dict):
        return {prefix: repr(value)}
    parts = [flat(entry, f'{prefix}.{key}') for key, entry in value.items()]
    return {key: entry for part in parts for key, entry in part.items()}


@pytest.mark.parametrize('name', SWITCHES)
def test_a_row_differs_by_its_switch(name):
    other, expected = SWITCHES[name]
    ours, theirs = flat(load(name).to_dict()), flat(load(other).to_dict())
    changed = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
    assert changed == {f'.model.head.{key}' for key in expected}


def test_the_baseline_is_higherhrnet():
    assert (
        load('table1_row2_associative_embedding')._cfg_dict
        == Config.fromfile(ROOT / 'configs/higherhrnet_w32_coco.py')._cfg_dict
    )


@pytest.mark.parametrize('name', ROWS)
def test_parameters(name):
    init_default_scope('mmpose')
    with torch.device('meta'):
        model = MODELS.build(load(name).model)
    assert sum(p.numel() for p in model.parameters()) == ROWS[name]


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('scenes')
    write_dataset(folder, preset='demo', num=2, seed=0, size=(96, 96), progress=False)
    return folder


@pytest.mark.parametrize('name', [name for name in ROWS if SWITCHES[name][1]])
def test_trains_a_step_and_tests(name, data, tmp_path):
    init_default_scope('mmpose')
    torch.manual_seed(0)
    np.random.seed(0)
    cfg = tiny(f'ablation/{name}', data, tmp_path)
    cfg.model.head.detector.heatmap_loss.loss_weight = 1.0
    model = MODELS.build(cfg.model)
    # Centers lie where people are, so that some are matched and everything learns.
    torch.nn.init.constant_(model.head.detector.final_layers[1].bias, 0.1)
    model.head.loss_module.assigner.max_cost = 1.0
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    train, test = (DATASETS.build(cfg[f'{mode}_dataloader'].dataset) for mode in ('train', 'val'))

    model.train()
    batch = model.data_preprocessor(pseudo_collate([train[0], train[1]]), training=True)
    losses = model(**batch, mode='loss')
    scored = not name.startswith(('table2_row1', 'table2_row2'))
    assert ('loss_visibility' in losses) == scored
    assert ('loss_center' in losses) == (not name.startswith('table2_row1'))
    sum(losses.values()).backward()
    idle = [k for k, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not [key for key in idle if not key.startswith(('backbone', 'head.detector'))]
    optimizer.step()
    again = model(**batch, mode='loss')
    assert all(torch.isfinite(value).all() for value in again.values())

    model.eval()
    with torch.no_grad():
        found = model.test_step(pseudo_collate([test[0], test[1]]))
    for sample in found:
        people = sample.pred_instances
        assert len(people.keypoints) and np.isfinite(people.keypoints).all()
        alike = np.ptp(people.keypoint_scores, axis=1) == 0
        assert alike.all() != scored


def grouping(**options) -> tuple[AttentionGrouping, tuple]:
    """A small module and inputs for it: three types, three slots each."""
    torch.manual_seed(0)
    module = AttentionGrouping(3, channels=16, head_channels=8, mlp_channels=16, **options).eval()
    points = torch.arange(18).view(1, 9, 2)
    tokens = torch.randn(1, 4, 16), torch.randn(1, 9, 16)
    encodings = torch.randn(1, 4, 16), torch.randn(1, 9, 16)
    return module, (*tokens, *encodings, points, torch.ones(1, 9, dtype=torch.bool))


def test_same_type_attention_stays_within_the_type():
    module, inputs = grouping(same_type_only=True)
    points, valid = inputs[-2], inputs[-1].clone()
    valid[0, :2] = False  # two of the first type's three
    valid[0, 6:] = False  # all of the last type's
    with torch.no_grad():
        output = module(*inputs[:-1], valid)
    weights = output.attention.softmax(-1)[0]  # [C x K x M]
    for joint in range(3):
        outside = [m for m in range(9) if m // 3 != joint]
        assert (weights[:, joint, outside] == 0).all()
    assert (weights[:, 0, 2] == 1).all()
    assert torch.equal(output.hard_points[0, :, 0], points[0, 2].float().expand(4, 2))
    assert torch.allclose(weights.sum(-1), torch.ones(4, 3))
    everything = grouping()[0]
    everything.load_state_dict(module.state_dict())
    with torch.no_grad():
        free = everything(*inputs)
        own = module(*inputs)
    assert torch.equal(free.attention[0, :, 1, 3:6], own.attention[0, :, 1, 3:6])
    assert (free.attention.softmax(-1)[0, :, 1, :3] > 0).all()


def test_visibility_of_the_center_does_not_look_at_keypoints():
    module, inputs = grouping(visibility='center')
    other = (inputs[0], inputs[1].flip(1), *inputs[2:])
    with torch.no_grad():
        assert torch.equal(module(*inputs).visibility, module(*other).visibility)
        attending, inputs = grouping()
        assert not torch.equal(attending(*inputs).visibility, attending(*other).visibility)


def test_the_heatmap_scores_poses_without_classification(data, tmp_path):
    init_default_scope('mmpose')
    torch.manual_seed(0)
    model = MODELS.build(tiny('ablation/table2_row1_heatmap_score', data, tmp_path).model).eval()
    torch.nn.init.constant_(model.head.detector.final_layers[1].bias, 0.3)
    with torch.no_grad():
        feats = model.extract_feat(torch.randn(1, 3, 64, 64))
        maps = model.head.detect([feats]).maps
        poses = model.head(feats)
        full = torch.ones(1, 64, 64)
        centers = model.head.propose(maps, full, full > 0)[1].flatten()
    assert torch.allclose(poses.scores, centers.scores.clamp(1e-6, 1) * centers.valid, atol=1e-6)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'grouping': dict(visibility=None)}, 'by_visibility=False'),
        (
            {'grouping': dict(visibility=None), 'decoder': dict(by_visibility=False)},
            'visibility_weight=0',
        ),
        ({'grouping': dict(classify_centers=False)}, 'center_weight=0'),
        ({'grouping': dict(visibility='eyes')}, "'eyes'"),
    ],
)
def test_losses_and_scores_of_nothing_are_refused(changes, message):
    init_default_scope('mmpose')
    cfg = load('table1_row7_position').model.head
    for part, settings in changes.items():
        cfg[part].update(settings)
    with torch.device('meta'), pytest.raises(ValueError, match=message):
        MODELS.build(cfg)
