"""Weights for other keypoints: those of keypoints that are known stay as they are."""

from __future__ import annotations

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm import zoo
from centergroup_mm.checkpoints.keypoint_transfer import LAYOUTS, transfer
from centergroup_mm.checkpoints.load import check_checkpoint, weights_of
from centergroup_mm.utils.skeleton import read_metainfo

from ..conftest import ROOT


def build(metainfo: str = 'CocoDataset'):
    init_default_scope('mmpose')
    cfg = Config.fromfile(ROOT / f'configs/{zoo.PHOTOGRAPHS}.py')
    cfg.model.head.metainfo = metainfo
    return MODELS.build(cfg.model).eval()


def photograph_weights() -> dict:
    return weights_of(check_checkpoint(str(zoo.weights_of(zoo.PHOTOGRAPHS))))


def test_every_tensor_that_depends_on_the_number_is_listed():
    coco, crowd = build().state_dict(), build('CrowdPoseDataset').state_dict()
    different = {name for name in coco if coco[name].shape != crowd[name].shape}
    listed = {name for name in coco if name.endswith(tuple(f'.{end}' for end in LAYOUTS))}
    assert different == listed and len(different) > 20


def test_the_same_keypoints_in_another_order_find_the_same_poses():
    weights = photograph_weights()
    order = torch.randperm(17, generator=torch.Generator().manual_seed(0)).tolist()
    moved = transfer(weights, order, 17)
    first, second = build(), build()
    first.load_state_dict(weights)
    second.load_state_dict(moved)
    image = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        old, new = (model.head(model.extract_feat(image)) for model in (first, second))
    torch.testing.assert_close(new.keypoints, old.keypoints[:, :, order], rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(new.scores, old.scores, rtol=1e-3, atol=1e-4)


def test_keypoints_that_are_known_keep_their_heads_and_new_ones_get_the_mean():
    weights = photograph_weights()
    crowd = read_metainfo('CrowdPoseDataset').names
    coco = read_metainfo('CocoDataset').names
    sources = [coco.index(name) if name in coco else None for name in crowd]
    made = transfer(weights, sources, 17)
    build('CrowdPoseDataset').load_state_dict(made)
    for kind, size in (('heatmap', 1), ('regress', 2), ('offset', 2)):
        name = f'head.detector.branches.kpt_{kind}.1.weight'
        old, new = (state[name].view(-1, size, 96) for state in (weights, made))
        for index, source in enumerate(sources):
            expected = old.mean(0) if source is None else old[source]
            torch.testing.assert_close(new[index], expected)
    assert sources.count(None) == 2


def test_nothing_is_shared_with_the_old_weights():
    weights = photograph_weights()
    made = transfer(weights, list(range(17)), 17)
    for name, value in made.items():
        assert torch.equal(value, weights[name])
        assert value.data_ptr() != weights[name].data_ptr()
