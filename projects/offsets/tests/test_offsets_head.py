"""The whole head: parameters, batches, masks, mirrors, empty images, errors."""

from __future__ import annotations

import copy
from pathlib import Path

import centergroup_offsets  # noqa: F401
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS, TRANSFORMS

PROJECT = Path(__file__).resolve().parents[1]
ROOT = PROJECT.parents[1]
FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def count(module: torch.nn.Module) -> int:
    """Number of parameters."""
    return sum(p.numel() for p in module.parameters())


def build(config: Path, **changes) -> torch.nn.Module:
    """The model of a config."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(changes)
    return MODELS.build(cfg.model)


def test_the_branch_is_all_it_has_more_than_its_detector():
    baseline = build(PROJECT / 'configs' / 'offsets_w32_coco.py')
    detector = build(ROOT / 'configs' / 'higherhrnet_center_w32_coco.py')
    assert count(baseline) - count(detector) == count(baseline.head.branch) == 82_722
    names = {f'head.detector.{name}' for name, _ in detector.head.named_parameters()}
    assert names < {name for name, _ in baseline.named_parameters()}


def test_a_checkpoint_of_the_detector_fills_it():
    from centergroup_mm.engine.hooks import DetectorCheckpointHook

    cfg = Config.fromfile(PROJECT / 'configs' / 'offsets_w32_coco.py')
    assert [hook.type for hook in cfg.custom_hooks] == ['DetectorCheckpointHook']
    detector = build(ROOT / 'configs' / 'higherhrnet_center_w32_coco.py')
    baseline = build(PROJECT / 'configs' / 'offsets_w32_coco.py')
    checkpoint = dict(state_dict=dict(detector.state_dict()))
    DetectorCheckpointHook().after_load_checkpoint(None, checkpoint)
    result = baseline.load_state_dict(checkpoint['state_dict'], strict=False)
    assert not result.unexpected_keys
    assert {name.split('.')[1] for name in result.missing_keys} == {'branch'}
    weight = baseline.head.detector.final_layers[0].weight
    assert torch.equal(weight, detector.head.final_layers[0].weight)


@pytest.fixture(scope='module')
def model() -> torch.nn.Module:
    """The tiny model with random weights that sees peaks everywhere."""
    torch.manual_seed(0)
    built = build(
        PROJECT / 'configs' / 'offsets_tiny_synthetic.py',
        **{'model.type': 'MixedSizePoseEstimator'},
    )
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
        torch.nn.init.normal_(built.head.branch[-1].weight, std=0.02)
    return built.eval()


def packed(size: tuple[int, int], seed: int = 0, mirror: bool = False) -> dict:
    """What the test pipeline makes of an image of [w, h]."""
    init_default_scope('mmpose')
    image = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    image = np.ascontiguousarray(image[:, ::-1]) if mirror else image
    pipeline = [
        dict(type='CenterGroupResize', input_size=64),
        dict(type='PackMultiScaleInputs'),
    ]
    results = dict(img=image, ori_shape=image.shape[:2], flip_indices=FLIP, img_path=f'{seed}.png')
    return Compose([TRANSFORMS.build(step) for step in pipeline])(results)


def predict(model, images: list[dict], flip: bool = True) -> list:
    """Instances of a batch as a runner calls it."""
    model.test_cfg.update(flip_test=flip, multiscale_test=False)
    with torch.no_grad():
        batch = pseudo_collate(copy.deepcopy(images))
        return [sample.pred_instances for sample in model.test_step(batch)]


@pytest.mark.parametrize('flip', [True, False])
@pytest.mark.parametrize(
    'sizes', [[(100, 80), (104, 80), (97, 81)], [(100, 80), (80, 100), (64, 64)]]
)
def test_a_batch_is_its_images_one_by_one(model, sizes, flip):
    images = [packed(size, seed) for seed, size in enumerate(sizes)]
    together = predict(model, images, flip)
    for image, found in zip(images, together, strict=True):
        (alone,) = predict(model, [image], flip)
        assert len(found.keypoints) == len(alone.keypoints) > 0
        np.testing.assert_allclose(found.keypoints, alone.keypoints, atol=1e-3)
        np.testing.assert_allclose(found.keypoint_scores, alone.keypoint_scores, atol=1e-5)
        np.testing.assert_allclose(found.bbox_scores, alone.bbox_scores, atol=1e-5)


def test_a_mirrored_image_gives_mirrored_poses(model):
    (there,) = predict(model, [packed((128, 64))])
    (back,) = predict(model, [packed((128, 64), mirror=True)])
    assert len(there.keypoints) == len(back.keypoints) > 3
    order = np.argsort(there.bbox_scores), np.argsort(back.bbox_scores)
    np.testing.assert_allclose(there.bbox_scores[order[0]], back.bbox_scores[order[1]], atol=1e-5)
    mirrored = back.keypoints[order[1]][:, FLIP]
    mirrored[..., 0] = 128 - mirrored[..., 0]
    # where both neighbors of a peak are equally high the quarter pixel has no mirror
    assert np.median(np.abs(there.keypoints[order[0]] - mirrored)) < 1e-3


def test_flip_test_averages_the_offsets(model):
    torch.manual_seed(1)
    feature = torch.randn(1, model.head.branch[0].in_channels, 16, 32)
    flip = torch.tensor(FLIP)
    with torch.no_grad():
        both = model.head.detect(torch.cat([feature, feature]), flip).offsets
        once = model.head.detect(feature).offsets
    back = once.flip(-1)[:, FLIP] * torch.tensor([-1.0, 1.0])[:, None, None]
    assert torch.allclose(both, (once + back) / 2, atol=1e-5)
    assert (both - once).abs().max() > 1


def test_without_keypoints_poses_are_the_offsets(model):
    silent = copy.deepcopy(model)
    silent.head.keypoint_thr = float('inf')
    (matched,) = predict(model, [packed((64, 64))])
    (regressed,) = predict(silent, [packed((64, 64))])
    np.testing.assert_array_equal(matched.bbox_scores, regressed.bbox_scores)
    moved = np.abs(matched.keypoints - regressed.keypoints).max(-1)
    assert len(moved) and (moved > 0).mean() > 0.5


def test_no_pose_where_all_is_padding(model):
    size = (64, 64)
    feature = torch.randn(1, model.head.branch[0].in_channels, 16, 16)
    with torch.no_grad():
        detection = model.head.detect(feature)
        poses = model.head.group(detection, torch.zeros(1, *size))
        everywhere = model.head.group(detection, torch.ones(1, *size))
    assert everywhere.valid.any() and not poses.valid.any()
    assert all(torch.isfinite(field.float()).all() for field in poses)
    (found,) = model.head.decoder.to_instances(poses)
    assert found.keypoints.shape == (0, 17, 2) and found.bboxes.shape == (0, 4)


def test_centers_lie_on_the_image(model):
    feature = torch.randn(1, model.head.branch[0].in_channels, 16, 32)
    mask = torch.zeros(1, 64, 128)
    mask[:, :, 40:90] = 1
    with torch.no_grad():
        detection = model.head.detect(feature)
        detection.offsets.zero_()
        model.head.keypoint_thr, before = float('inf'), model.head.keypoint_thr
        poses = model.head.group(detection, mask)
        model.head.keypoint_thr = before
    x = poses.keypoints[poses.valid][..., 0]
    assert len(x) and x.min() >= 40 and x.max() < 91


def test_blank_maps_hold_no_poses(model):
    silent = copy.deepcopy(model)
    with torch.no_grad():
        for layer in silent.head.detector.final_layers:
            layer.weight.zero_()
            layer.bias.zero_()
    (found,) = predict(silent, [packed((64, 64))])
    assert found.keypoints.shape == (0, 17, 2)


def test_forward_needs_no_metas(model):
    with torch.no_grad():
        poses = model.head(model.extract_feat(torch.randn(2, 3, 64, 96)))
    slots = model.head.num_slots
    assert poses.keypoints.shape == (2, slots, 17, 2) and poses.valid.shape == (2, slots)


def test_errors_say_what_to_do(model):
    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.head.branch[-1].bias[0] = float('nan')
    with pytest.raises(ValueError, match=r'maps of 0\.png are not finite'):
        predict(broken, [packed((64, 64))])
    with pytest.raises(ValueError, match=r'no multi-scale test.*multiscale_test=False'):
        model.head.predict([], [], dict(multiscale_test=True))
    with pytest.raises(ValueError, match='with_center=True'):
        build(
            PROJECT / 'configs' / 'offsets_tiny_synthetic.py',
            **{'model.head.detector.with_center': False},
        )


def test_frozen_norms_stay_frozen():
    config = PROJECT / 'configs' / 'offsets_tiny_synthetic.py'
    head = build(config, **{'model.head.freeze_detector_bn': True}).head.train()
    norms = [m for m in head.detector.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and not any(m.training or m.weight.requires_grad for m in norms)
    head = build(config).head.train()
    norms = [m for m in head.detector.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and all(m.training and m.weight.requires_grad for m in norms)
