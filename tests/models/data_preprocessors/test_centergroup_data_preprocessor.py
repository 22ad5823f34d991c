"""Batches of one scale are MMPose's; several scales become a list of batches."""

from __future__ import annotations

import copy

import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

import centergroup_mm  # noqa: F401

OPTIONS = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], bgr_to_rgb=True)


def image(height: int, width: int) -> torch.Tensor:
    """Random pixels [3 x h x w]."""
    return torch.randint(0, 255, (3, height, width), dtype=torch.uint8)


def both() -> tuple[torch.nn.Module, torch.nn.Module]:
    """Ours and MMPose's."""
    init_default_scope('mmpose')
    names = ('CenterGroupDataPreprocessor', 'PoseDataPreprocessor')
    return tuple(MODELS.build(dict(type=name, **OPTIONS)) for name in names)


def test_one_scale_is_the_parents():
    ours, stock = both()
    data = dict(inputs=[image(8, 8), image(4, 8)], data_samples=[])
    for training in (True, False):
        wanted = stock(copy.deepcopy(data), training)['inputs']
        assert torch.equal(ours(copy.deepcopy(data), training)['inputs'], wanted)


def test_several_scales_are_a_list_of_batches():
    ours, stock = both()
    scales = [[image(8, 8), image(4, 8)], [image(16, 16), image(8, 16)]]
    samples = [PoseDataSample(), PoseDataSample()]
    result = ours(dict(inputs=copy.deepcopy(scales), data_samples=samples))
    assert len(result['inputs']) == 2
    for batch, images in zip(result['inputs'], scales, strict=True):
        assert torch.equal(batch, stock(dict(inputs=images, data_samples=[]))['inputs'])
    shapes = [sample.metainfo['scale_shapes'] for sample in result['data_samples']]
    assert shapes == [[(8, 8), (16, 16)], [(4, 8), (8, 16)]]
