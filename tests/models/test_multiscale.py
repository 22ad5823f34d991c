"""Tests with several scales and sizes: through the pipeline, the batch and the estimator."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS, TRANSFORMS

import centergroup_mm  # noqa: F401
from centergroup_mm.models.data_preprocessors import PaddedImages

from ..conftest import ROOT

FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
# [w, h] of images whose inputs have one size, and of others
ALIKE = [(100, 80), (104, 80), (97, 81)]
OTHER = [(100, 80), (80, 100), (64, 64)]


@pytest.fixture(scope='module')
def model() -> torch.nn.Module:
    """A tiny model with random weights that sees peaks everywhere, and mixes them widely."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    cfg = Config.fromfile(ROOT / 'configs/centergroup_tiny_synthetic.py').model
    cfg.data_preprocessor.type = 'CenterGroupDataPreprocessor'
    built = MODELS.build(cfg)
    assert type(built) is MODELS.get('mmpose.BottomupPoseEstimator')
    final = built.head.detector.final_layers
    with torch.no_grad():
        for module in built.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.3)
            if isinstance(module, torch.nn.Conv2d) and module not in final:
                torch.nn.init.kaiming_normal_(module.weight)
        for layer in final:
            torch.nn.init.normal_(layer.weight, std=0.003)
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
    """Instances of a batch through the stock estimator, as a runner calls it."""
    model.test_cfg.update(flip_test=flip, multiscale_test=isinstance(images[0]['inputs'], list))
    batch = pseudo_collate(copy.deepcopy(images))
    with torch.no_grad():
        return [sample.pred_instances for sample in model.test_step(batch)]


@pytest.mark.parametrize('flip', [True, False])
@pytest.mark.parametrize('scales', [None, [2.0, 0.5]], ids=['one scale', 'three scales'])
@pytest.mark.parametrize('sizes', [ALIKE, OTHER], ids=['alike', 'other sizes'])
def test_a_batch_is_its_images_one_by_one(model, sizes, scales, flip):
    images = [packed(size, scales, seed) for seed, size in enumerate(sizes)]
    together = predict(model, images, flip)
    for image, found in zip(images, together, strict=True):
        (alone,) = predict(model, [image], flip)
        assert len(found.keypoints) == len(alone.keypoints) > 0
        np.testing.assert_allclose(found.keypoints, alone.keypoints, atol=1e-3)
        np.testing.assert_allclose(found.keypoint_scores, alone.keypoint_scores, atol=1e-5)
        np.testing.assert_allclose(found.bbox_scores, alone.bbox_scores, atol=1e-5)


def test_convolutions_see_every_image_alone():
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(inplace=True),
        torch.nn.Conv2d(8, 8, 3, padding=1),
        torch.nn.Upsample(scale_factor=2, mode='nearest'),
        torch.nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1),
    ).eval()
    layers[1].bias.data.fill_(1.0)
    images = torch.randn(2, 3, 16, 24)
    sizes = [(16, 12), (8, 24)]
    with torch.no_grad():
        there = layers(PaddedImages.wrap(images, sizes))
        back = layers(PaddedImages.wrap(images, sizes).flip(-1))
        naive = layers(images)
        for index, (height, width) in enumerate(sizes):
            alone = layers(images[index : index + 1, :, :height, :width])[0]
            own = there.plain()[index, :, : 2 * height, : 2 * width]
            assert torch.allclose(own, alone, atol=1e-6)
            assert not torch.allclose(naive[index, :, : 2 * height, : 2 * width], alone, atol=1e-2)
            alone = layers(images[index : index + 1, :, :height, :width].flip(-1))[0]
            own = back.plain()[index, :, : 2 * height, -2 * width :]
            assert torch.allclose(own, alone, atol=1e-6)


def test_stacking_scales_keeps_them_apart():
    full, part = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 16, 16)
    scales = [
        PaddedImages.wrap(full, [(8, 8), (8, 8)]),
        PaddedImages.wrap(part, [(16, 16), (16, 8)]),
    ]
    first, second = torch.stack(scales)
    assert type(first) is torch.Tensor and torch.equal(first, full)
    assert type(second) is PaddedImages and torch.equal(second.plain(), part)


def test_training_batches_are_the_parents():
    init_default_scope('mmpose')
    options = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], bgr_to_rgb=True)
    ours = MODELS.build(dict(type='CenterGroupDataPreprocessor', **options))
    stock = MODELS.build(dict(type='PoseDataPreprocessor', **options))
    images = [torch.randint(0, 255, (3, 8, 8)), torch.randint(0, 255, (3, 4, 8))]
    data = dict(inputs=images, data_samples=[])
    wanted = stock(copy.deepcopy(data), True)['inputs']
    assert type(ours(copy.deepcopy(data), True)['inputs']) is torch.Tensor
    assert torch.equal(ours(copy.deepcopy(data), True)['inputs'], wanted)
    tested = ours(copy.deepcopy(data))['inputs']
    assert type(tested) is PaddedImages and torch.equal(tested.plain(), wanted)


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
    single.model.test_cfg.multiscale_test = True
    several.pop('val_pipeline'), single.pop('val_pipeline')
    assert several._cfg_dict == single._cfg_dict
