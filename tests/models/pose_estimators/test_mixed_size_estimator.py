"""Test batches of several scales and sizes: through the pipeline, the batch and the estimator."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS, TRANSFORMS
from torch import nn

import centergroup_mm  # noqa: F401

from ...conftest import ROOT

FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
# [w, h] of images whose inputs have one size, and of others
ALIKE = [(100, 80), (104, 80), (97, 81)]
OTHER = [(100, 80), (80, 100), (64, 64)]


class PooledPyramid(nn.Module):
    """A backbone whose every output depends on the border: pooling and bilinear upsampling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.deep = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        """[B x 3 x H x W] -> one map at 1/4."""
        fine = F.max_pool2d(self.stem(images).relu(), 3, 2, 1)
        coarse = F.avg_pool2d(self.deep(fine).relu(), 3, 2, 1, count_include_pad=True)
        up = F.interpolate(coarse, size=fine.shape[-2:], mode='bilinear', align_corners=False)
        return (fine + up + fine.mean((2, 3), keepdim=True),)


@pytest.fixture(scope='module', params=['hrnet', 'pooling and bilinear upsampling'])
def model(request) -> nn.Module:
    """A tiny model with random weights that sees peaks everywhere, and mixes them widely."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    cfg = Config.fromfile(ROOT / 'configs/centergroup_tiny_synthetic.py').model
    cfg.data_preprocessor.type = 'CenterGroupDataPreprocessor'
    cfg.type = 'MixedSizePoseEstimator'
    built = MODELS.build(cfg)
    if request.param != 'hrnet':
        built.backbone = PooledPyramid(cfg.head.detector.in_channels)
    final = built.head.detector.final_layers
    with torch.no_grad():
        for module in built.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.3)
            if isinstance(module, nn.Conv2d) and module not in final:
                nn.init.kaiming_normal_(module.weight)
        for layer in final:
            nn.init.normal_(layer.weight, std=0.003)
            layer.bias.fill_(0.4)
    built.eval()
    return built


def packed(size: tuple[int, int], scales: list[float] | None, seed: int = 0) -> dict:
    """What the test pipeline makes of an image of [w, h]."""
    init_default_scope('mmpose')
    random = np.random.default_rng(seed)
    image = random.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    pipeline = [
        dict(type='CenterGroupResize', input_size=64, aug_scales=scales),
        dict(type='PackMultiScaleInputs'),
    ]
    results = dict(img=image, ori_shape=image.shape[:2], flip_indices=FLIP, img_path=f'{seed}.png')
    return Compose([TRANSFORMS.build(step) for step in pipeline])(results)


def predict(model, images: list[dict], flip: bool) -> list:
    """Instances of a batch as a runner calls it."""
    model.test_cfg.update(flip_test=flip, multiscale_test=isinstance(images[0]['inputs'], list))
    batch = pseudo_collate(copy.deepcopy(images))
    with torch.no_grad():
        return [sample.pred_instances for sample in model.test_step(batch)]


@pytest.mark.parametrize('flip', [True, False], ids=['flip', 'no flip'])
@pytest.mark.parametrize('scales', [None, [2.0, 0.5]], ids=['one scale', 'three scales'])
@pytest.mark.parametrize(
    ('sizes', 'one_by_one'),
    [(ALIKE, True), (OTHER, False)],
    ids=['alike, one by one', 'other sizes'],
)
def test_a_batch_is_its_images_bit_for_bit(model, monkeypatch, sizes, one_by_one, scales, flip):
    monkeypatch.setattr(model, 'one_by_one', one_by_one)
    images = [packed(size, scales, seed) for seed, size in enumerate(sizes)]
    together = predict(model, images, flip)
    for image, found in zip(images, together, strict=True):
        (alone,) = predict(model, [image], flip)
        assert len(found.keypoints) == len(alone.keypoints) > 0
        for field in ('keypoints', 'keypoint_scores', 'bbox_scores', 'bboxes'):
            np.testing.assert_array_equal(found[field], alone[field], err_msg=field)


def test_images_of_one_size_share_a_batch_up_to_rounding(model):
    images = [packed(size, None, seed) for seed, size in enumerate(ALIKE)]
    seen = []
    hook = model.backbone.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    together = predict(model, images, flip=False)
    hook.remove()
    assert [len(batch) for batch in seen] == [3]
    for image, found in zip(images, together, strict=True):
        (alone,) = predict(model, [image], flip=False)
        np.testing.assert_allclose(found.keypoints, alone.keypoints, atol=1e-3)
        np.testing.assert_allclose(found.bbox_scores, alone.bbox_scores, atol=1e-5)


def test_the_stock_estimator_names_the_one_to_use(model):
    stock = copy.deepcopy(model)
    stock.__class__ = MODELS.get('mmpose.BottomupPoseEstimator')
    images = [packed(size, None, seed) for seed, size in enumerate(OTHER)]
    with pytest.raises(ValueError, match='MixedSizePoseEstimator'):
        predict(stock, images, flip=True)


@pytest.mark.parametrize('flip', [True, False], ids=['flip', 'no flip'])
def test_the_stock_estimator_takes_images_of_one_size(model, flip):
    stock = copy.deepcopy(model)
    stock.__class__ = MODELS.get('mmpose.BottomupPoseEstimator')
    images = [packed(size, None, seed) for seed, size in enumerate(ALIKE)]
    pairs = zip(predict(stock, images, flip), predict(model, images, flip), strict=True)
    for theirs, ours in pairs:
        np.testing.assert_array_equal(theirs.keypoints, ours.keypoints)


def test_packing_wants_one_image_for_each_scale():
    init_default_scope('mmpose')
    pack = TRANSFORMS.build(dict(type='PackMultiScaleInputs'))
    image = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match='2 images but aug_scales'):
        pack(dict(img=[image, image], aug_scales=[2.0, 0.5], ori_shape=(64, 64)))


@pytest.mark.parametrize('name', ['w32_coco', 'w48_coco', 'w32_crowdpose', 'w48_crowdpose'])
def test_multiscale_configs_differ_in_the_test_alone(name):
    single = Config.fromfile(ROOT / f'configs/centergroup_{name}.py')
    several = Config.fromfile(ROOT / f'configs/centergroup_{name}_ms.py')
    for loader in ('val_dataloader', 'test_dataloader'):
        (_, resize, pack), (_, ours, theirs) = (
            cfg[loader].dataset.pipeline for cfg in (several, single)
        )
        assert resize.pop('aug_scales') == [2.0, 0.5] and resize == ours
        assert pack.pop('type') == 'PackMultiScaleInputs'
        assert theirs.pop('type') == 'PackPoseInputs' and pack == theirs
        several[loader].dataset.pipeline = single[loader].dataset.pipeline = None
    assert several.model.test_cfg.multiscale_test and not single.model.test_cfg.multiscale_test
    assert several.model.type == 'MixedSizePoseEstimator'
    single.model.type = several.model.type
    single.model.test_cfg.multiscale_test = True
    for helper in ('val_pipeline', 'load_image', 'resize', 'pack'):
        several.pop(helper, None), single.pop(helper, None)
    assert several._cfg_dict == single._cfg_dict
