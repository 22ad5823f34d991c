"""The whole head: batches, masks, mirrors, empty images and parameters."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

import centergroup_mm  # noqa: F401

from ...conftest import ROOT

# Parameters of the official models, component by component.
COMPONENTS = {
    'w32_coco': (28_535_552, 110_902, 595_328, 2_304, 594_816, 495_554, 32_465_982),
    'w48_coco': (63_594_912, 233_910, 597_376, 2_304, 594_816, 495_554, 67_652_446),
    'w48_crowdpose': (63_594_912, 228_861, 597_376, 1_920, 594_816, 421_250, 67_349_797),
}


def count(module: torch.nn.Module) -> int:
    """Number of parameters."""
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize('name', COMPONENTS)
def test_parameters_are_the_release(name):
    init_default_scope('mmpose')
    model = MODELS.build(Config.fromfile(ROOT / f'configs/centergroup_{name}.py').model)
    head, neck = model.head, model.head.neck
    backbone, detector, embed, types, encoder, grouping, total = COMPONENTS[name]
    assert count(model.backbone) == backbone
    assert count(head.detector) == detector
    assert count(neck.keypoint_embed) == count(neck.center_embed) == embed
    assert count(neck.initial_mlp) == 33_024
    assert count(neck.position_proj) == 16_512
    assert count(neck.type_embed) == types
    assert count(neck.layers) == encoder
    assert [count(module) for module in head.grouping] == [grouping] * 4
    assert count(model) == total


@pytest.fixture(scope='module')
def model():
    """The tiny model with random weights that see peaks everywhere."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    built = MODELS.build(Config.fromfile(ROOT / 'configs/centergroup_tiny_synthetic.py').model)
    with torch.no_grad():
        for layer in built.head.detector.final_layers:
            # Maps of common size: from larger ones rounding makes other peaks in the mirror.
            torch.nn.init.normal_(layer.weight, std=0.003)
            layer.bias.fill_(0.4)
        for module in built.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_var.uniform_(0.5, 1.5)
            if (
                isinstance(module, torch.nn.Conv2d)
                and module not in built.head.detector.final_layers
            ):
                torch.nn.init.kaiming_normal_(module.weight)
    built.eval()
    return built


FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def sample(size, original=None, **extra) -> PoseDataSample:
    """A data sample of an image in the middle of a padded input; sizes are [w, h]."""
    original = original or size
    scale = max(o / s for o, s in zip(original, size, strict=True))
    data = PoseDataSample()
    data.set_metainfo(
        dict(
            input_size=size,
            input_center=np.round(np.array(original) / 2),
            input_scale=np.array(size) * scale,
            ori_shape=original[::-1],
            img_shape=size[::-1],
            flip_indices=FLIP,
            **extra,
        )
    )
    return data


def predict(model, images, samples, flip=True):
    """Instances of a batch through the stock estimator."""
    model.test_cfg['flip_test'] = flip
    samples = copy.deepcopy(samples)
    with torch.no_grad():
        return [s.pred_instances for s in model.predict(images, samples)]


@pytest.mark.parametrize('flip', [True, False])
def test_batch_equals_one_by_one(model, flip):
    images = torch.randn(3, 3, 128, 192)
    samples = [sample((192, 128)), sample((192, 128), (150, 128)), sample((192, 128), (384, 200))]
    together = predict(model, images, samples, flip)
    for i in range(3):
        alone = predict(model, images[i : i + 1], samples[i : i + 1], flip)[0]
        assert len(alone.keypoints) == len(together[i].keypoints) > 0
        np.testing.assert_allclose(alone.keypoints, together[i].keypoints, atol=1e-3)
        np.testing.assert_allclose(alone.bbox_scores, together[i].bbox_scores, atol=1e-5)


def test_no_proposal_lies_in_the_padding(model):
    data = sample((192, 128), (96, 128))
    found = predict(model, torch.randn(1, 3, 128, 192), [data])[0]
    x = found.keypoints[..., 0]
    assert len(x) and x.min() >= -1 and x.max() <= 97


def test_a_mirrored_image_gives_mirrored_poses(model):
    image = torch.randn(1, 3, 128, 192)
    there = predict(model, image, [sample((192, 128))])[0]
    back = predict(model, image.flip(-1), [sample((192, 128))])[0]
    order = np.argsort(there.bbox_scores), np.argsort(back.bbox_scores)
    np.testing.assert_allclose(there.bbox_scores[order[0]], back.bbox_scores[order[1]], atol=1e-5)
    mirrored = back.keypoints[order[1]][:, FLIP]
    mirrored[..., 0] = 192 - mirrored[..., 0]
    # where both neighbors of a peak are equally high the quarter pixel has no mirror
    assert np.median(np.abs(there.keypoints[order[0]] - mirrored)) < 1e-3


def test_blank_maps_are_no_error(model):
    silent = copy.deepcopy(model)
    with torch.no_grad():
        for layer in silent.head.detector.final_layers:
            layer.weight.zero_()
            layer.bias.zero_()
    found = predict(silent, torch.zeros(1, 3, 64, 64), [sample((64, 64))])[0]
    assert np.isfinite(found.keypoints).all()


def test_nan_is_named(model):
    image = torch.full((1, 3, 64, 64), float('nan'))
    with pytest.raises(ValueError, match=r'broken\.jpg.*not finite'):
        predict(model, image, [sample((64, 64), img_path='broken.jpg')])


def test_forward_needs_no_metas(model):
    with torch.no_grad():
        poses = model.head(model.extract_feat(torch.randn(2, 3, 64, 96)))
    slots = model.head.num_slots
    assert poses.keypoints.shape == (2, slots, 17, 2) and poses.valid.shape == (2, slots)


def test_frozen_norms_stay_frozen():
    init_default_scope('mmpose')
    cfg = Config.fromfile(ROOT / 'configs/centergroup_tiny_synthetic.py').model
    cfg.head.freeze_detector_bn = True
    head = MODELS.build(cfg).head.train()
    norms = [m for m in head.detector.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and not any(m.training or m.weight.requires_grad for m in norms)
    others = [m for m in head.neck.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert others and all(m.training and m.weight.requires_grad for m in others)


def test_a_detector_without_centers_is_refused():
    cfg = Config.fromfile(ROOT / 'configs/centergroup_tiny_synthetic.py').model
    cfg.head.detector.with_center = False
    with pytest.raises(ValueError, match='with_center'):
        MODELS.build(cfg)
