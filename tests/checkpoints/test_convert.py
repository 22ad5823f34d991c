"""Checkpoints of other programs become ours, whole and unchanged, or a one-line error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint

from centergroup_mm.checkpoints.convert import convert, split_content
from centergroup_mm.checkpoints.convert_file import convert_file
from centergroup_mm.engine.hooks import DetectorCheckpointHook
from centergroup_mm.utils.errors import UserError

from ..helpers.official import (
    NEEDS_OFFICIAL,
    blank,
    build,
    config_of,
    filled,
    imagenet,
    key_lists,
    model_state,
)

# Where a few tensors must end up, written out by hand.
PLACES = {
    'bu_model.backbone.stage3.2.branches.1.3.bn2.bias': 'backbone.stage3.2.branches.1.3.bn2.bias',
    'bu_model.keypoint_head.final_layers.1.bias': 'head.detector.final_layers.1.bias',
    'kp_embed_cnn.3.conv1.weight': 'head.neck.keypoint_embed.3.conv1.weight',
    'person_embed_cnn.0.bias': 'head.neck.center_embed.0.bias',
    'group_model.initial_mlp.layers.1.weight': 'head.neck.initial_mlp.layers.1.weight',
    'group_model.kp_encoder.mlp.layers.0.weight': 'head.neck.position_proj.weight',
    'group_model.kp_encoder.type_embed.weight': 'head.neck.type_embed.weight',
    'group_model.tr_encoder.layers.2.norm1.weight': 'head.neck.layers.2.norm1.weight',
    'group_model.prediction_heads.1.loc_attn.k_linear.bias': 'head.grouping.1.key.bias',
    'group_model.prediction_heads.3.mlp_vis.layers.0.weight': (
        'head.grouping.3.visibility_mlp.layers.0.weight'
    ),
    'group_model.prediction_heads.0.mlp_person_tp.layers.2.bias': (
        'head.grouping.0.center_mlp.layers.2.bias'
    ),
    'keypoint_head.deconv_layers.0.0.0.weight': 'head.deconv_layers.0.0.0.weight',
    'deconv_layers.0.0.0.weight': 'head.deconv_layers.0.0.0.weight',
    'layer1.0.conv1.weight': 'backbone.layer1.0.conv1.weight',
}


# ---- what belongs together ----------------------------------------------------------------


@NEEDS_OFFICIAL
@pytest.mark.parametrize('name', key_lists() or ['absent'])
def test_every_tensor_of_a_release_has_a_place_of_its_own(name):
    state = model_state(config_of(name))
    result = convert(blank(name), state)
    assert set(result.placed) == set(blank(name)) and not result.left_out and not result.untrained
    assert set(result.placed.values()) == set(state)


@NEEDS_OFFICIAL
@pytest.mark.parametrize(
    'name',
    [
        # seconds and half a gigabyte each; the test above has the names and shapes of all
        pytest.param(name, marks=[pytest.mark.slow] if 'w48' in name else [])
        for name in key_lists() or ['absent']
    ],
)
def test_every_release_converts_and_loads_strictly(name, tmp_path):
    config, weights = config_of(name), dict(filled(name))
    torch.save(weights, tmp_path / 'theirs.pth')
    result = convert_file(str(tmp_path / 'theirs.pth'), str(tmp_path / 'ours.pth'), config)
    model = build(config)
    content = load_checkpoint(model, str(tmp_path / 'ours.pth'), 'cpu', strict=True)
    assert content['meta']['converted_from']['config'] == Path(config).name
    state = model.state_dict()
    assert set(result.placed) == set(weights) and not result.left_out and not result.untrained
    assert set(result.placed.values()) == set(state)  # so every place is taken once
    for theirs, ours in result.placed.items():
        assert torch.equal(state[ours], weights[theirs]), theirs
    known = {theirs: ours for theirs, ours in PLACES.items() if theirs in weights}
    assert known and {theirs: result.placed[theirs] for theirs in known} == known
    for path in tmp_path.glob('*.pth'):
        path.unlink()  # half a gigabyte


@NEEDS_OFFICIAL
def test_an_imagenet_hrnet_gives_its_backbone(tmp_path):
    weights, extra = imagenet()
    torch.save({'state_dict': weights, 'epoch': 3}, tmp_path / 'theirs.pth')
    config = config_of('det_w32_coco')
    result = convert_file(str(tmp_path / 'theirs.pth'), str(tmp_path / 'ours.pth'), config)
    assert set(result.left_out) == extra and result.other == ['epoch']
    assert set(result.placed) == set(weights) - extra
    text = '\n'.join(result.report())
    assert all(f'  {name}\n' in text + '\n' for name in extra)
    model = build(config)
    load_checkpoint(model.backbone, str(tmp_path / 'ours.pth'), 'cpu', True, revise_keys=[
        (r'^backbone\.', '')
    ])  # fmt: skip
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, weights[name]), name
    # every config has the same backbone
    assert convert(weights, model_state(config_of('w32_coco'))).state.keys() == result.state.keys()
    prefixed = {f'backbone.{k}' if k not in extra else k: v for k, v in weights.items()}
    assert convert(prefixed, model_state(config)).state.keys() == result.state.keys()


@NEEDS_OFFICIAL
@pytest.mark.parametrize('own_config', [True, False])
def test_a_detector_starts_stage_2(own_config, tmp_path):
    """Converted for its own config or for CenterGroup's, `load_from` takes it."""
    weights = dict(filled('det_w32_coco'))
    torch.save(weights, tmp_path / 'theirs.pth')
    config = config_of('det_w32_coco' if own_config else 'w32_coco')
    result = convert_file(str(tmp_path / 'theirs.pth'), str(tmp_path / 'ours.pth'), config)
    assert bool(result.untrained) is not own_config
    model = build(config_of('w32_coco'))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    content = torch.load(tmp_path / 'ours.pth', weights_only=True)
    DetectorCheckpointHook().after_load_checkpoint(None, content)
    missing, unexpected = model.load_state_dict(content['state_dict'], strict=False)
    assert not unexpected and all(n.startswith(('head.neck.', 'head.grouping.')) for n in missing)
    for name, value in model.state_dict().items():
        theirs = name.replace('head.detector.', 'keypoint_head.')
        assert torch.equal(value, weights.get(theirs, before[name])), name


@NEEDS_OFFICIAL
@pytest.mark.parametrize('name', ['w32_coco', 'det_w48_crowdpose', 'higherhrnet_repo_w48_coco'])
@pytest.mark.parametrize('prefix', ['module.', 'model.', 'model.module.', '1.', 'module.1.'])
def test_prefixes_and_nesting(name, prefix, tmp_path):
    state = model_state(config_of(name))
    plain = convert(blank(name), state)
    nested = {
        'state_dict': {prefix + k: v for k, v in blank(name).items()},
        'epoch': 7,
        'optimizer_states': [{}],
        'pytorch-lightning_version': '1.1',
    }
    weights, other = split_content(nested)
    assert other == ['epoch', 'optimizer_states', 'pytorch-lightning_version']
    result = convert(weights, state)
    assert list(result.placed.values()) == list(plain.placed.values())
    assert [v.shape for v in result.state.values()] == [v.shape for v in plain.state.values()]


@NEEDS_OFFICIAL
def test_old_names():
    weights = blank('w32_coco')
    old = {
        k.replace('tr_encoder', 'graph_net').replace('group_model', 'graph_model'): v
        for k, v in weights.items()
    }
    assert sum(name not in weights for name in old) > 100
    state = model_state(config_of('w32_coco'))
    wrapped = {f'module.{k}': v for k, v in old.items()}
    assert list(convert(wrapped, state).state) == list(convert(weights, state).state)
    assert list(convert(old, state).placed.values()) == list(
        convert(weights, state).placed.values()
    )


@NEEDS_OFFICIAL
def test_counters_of_batch_norms_may_be_absent():
    name = 'higherhrnet_repo_w32_coco'
    weights = {k: v for k, v in blank(name).items() if not k.endswith('num_batches_tracked')}
    result = convert(weights, model_state(config_of(name)))
    assert set(result.state) == set(model_state(config_of(name)))
    assert all(result.state[added] == 0 for added in result.added) and len(result.added) > 300


# ---- what does not ------------------------------------------------------------------------


@NEEDS_OFFICIAL
@pytest.mark.parametrize(
    ('source', 'target', 'message'),
    [
        ('w48_coco', 'w32_coco', 'W48 .* wants an HRNet-W32 .* configs/centergroup_w48_coco.py'),
        ('w48_crowdpose', 'w48_coco', '15 heatmaps, .* 18 .*centergroup_w48_crowdpose.py'),
        ('w48_coco', 'w48_crowdpose', '18 heatmaps, .* 15 .*centergroup_w48_coco.py'),
        ('det_w48_coco', 'det_w32_coco', 'configs/higherhrnet_center_w48_coco.py'),
        ('det_w48_crowdpose', 'w48_coco', 'configs/higherhrnet_center_w48_crowdpose.py'),
        ('det_w32_coco', 'higherhrnet_repo_w32_coco', 'higherhrnet_center_w32_coco.py'),
        ('higherhrnet_repo_w32_coco', 'det_w32_coco', 'use configs/higherhrnet_w32_coco.py'),
        ('higherhrnet_repo_w48_crowdpose', 'higherhrnet_repo_w48_coco', '14 heatmaps'),
        ('w32_coco', 'det_w32_coco', r'config is a detector alone: use a configs/centergroup_\*'),
    ],
)  # fmt: skip
def test_another_joint_set_or_width(source, target, message):
    with pytest.raises(UserError, match=f'^FILE .*{message}'):
        convert(blank(source), model_state(config_of(target)), 'FILE')


@NEEDS_OFFICIAL
def test_an_imagenet_hrnet_of_another_width():
    weights, _ = imagenet(blank)
    with pytest.raises(UserError, match='W32, the config wants an HRNet-W48'):
        convert(weights, model_state(config_of('w48_coco')))


@NEEDS_OFFICIAL
@pytest.mark.parametrize('name', ['w32_coco', 'det_w32_coco', 'higherhrnet_repo_w32_coco'])
@pytest.mark.parametrize('kept', [0.2, 0.5, 0.9, 0.999])
def test_missing_tensors(name, kept):
    weights = blank(name)
    part = dict(list(weights.items())[: int(kept * len(weights))])
    with pytest.raises(UserError, match=r'is incomplete: \d+ of \d+ tensors|cut off|no place for'):
        convert(part, model_state(config_of(name)))
    weights.pop(list(weights)[700])
    with pytest.raises(UserError, match=r'is incomplete: 1 of \d+ tensors are missing'):
        convert(weights, model_state(config_of(name)))


@NEEDS_OFFICIAL
@pytest.mark.parametrize('name', ['w32_coco', 'det_w32_coco', 'higherhrnet_repo_w32_coco'])
def test_unknown_names_and_shapes(name):
    state = model_state(config_of(name))
    with pytest.raises(UserError, match=r'1 tensors .* no place for, the first stage5\.'):
        convert(blank(name) | {'stage5.weight': torch.ones(1)}, state)
    key = next(k for k in blank(name) if k.endswith('layer1.0.conv2.weight'))
    with pytest.raises(UserError, match=f'{key} has the shape'):
        convert(blank(name) | {key: torch.ones(64, 64, 1, 1)}, state)
    with pytest.raises(UserError, match='two tensors for'):
        convert(blank(name) | {f'module.{key}': torch.ones(1)}, state)


@NEEDS_OFFICIAL
def test_imagenet_leaves_out_only_what_it_knows():
    weights, _ = imagenet(blank)
    state = model_state(config_of('det_w32_coco'))
    with pytest.raises(UserError, match=r'no place for, the first stage3\.7'):
        convert(weights | {'stage3.7.weight': torch.ones(1)}, state)
    weights.pop('stage3.0.branches.0.0.conv1.weight')
    with pytest.raises(UserError, match='is incomplete: 1 of'):
        convert(weights, state)


@NEEDS_OFFICIAL
def test_kinds_that_cannot_be_converted():
    state = model_state(config_of('det_w32_coco'))
    bare = {k: v for k, v in blank('det_w32_coco').items() if k.startswith('backbone.')}
    with pytest.raises(UserError, match='HRNet without head'):
        convert(bare, state)
    with pytest.raises(UserError, match='already has the names of this package'):
        convert(state, state)
    with pytest.raises(UserError, match=r'such as conv1\.0\.weight'):
        convert({'conv1.0.weight': torch.ones(1)}, state)
    other = {'backbone.conv1.weight': torch.ones(1), 'head.weight': torch.ones(1)}
    with pytest.raises(UserError, match='neither CenterGroup nor a HigherHRNet'):
        convert(blank('det_w32_coco'), other)
