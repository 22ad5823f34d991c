"""The backbone pads as TensorFlow does."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from mmcv.cnn.bricks import Conv2dAdaptivePadding

from centergroup_mm.models.backbones import MoveNetMobileNetV2
from centergroup_mm.models.backbones.movenet_mobilenet_v2 import PadBelowRightConv2d
from centergroup_mm.models.necks import MoveNetFPN


def test_shapes_of_backbone_and_pyramid():
    levels = MoveNetMobileNetV2()(torch.zeros(1, 3, 64, 96))
    assert [tuple(level.shape[1:]) for level in levels] == [
        (40, 16, 24), (48, 8, 12), (96, 4, 6), (1280, 2, 3),
    ]  # fmt: skip
    pyramid = MoveNetFPN()(levels)
    assert [tuple(level.shape[1:]) for level in pyramid] == [
        (64, 2, 3), (32, 4, 6), (24, 8, 12), (24, 16, 24),
    ]  # fmt: skip


def test_padding_is_that_of_the_adaptive_convolution():
    torch.manual_seed(0)
    conv = PadBelowRightConv2d(4, 4, 3, stride=2, groups=4)
    adaptive = Conv2dAdaptivePadding(4, 4, 3, stride=2, groups=4)
    adaptive.load_state_dict(conv.state_dict())
    x = torch.randn(2, 4, 10, 14)
    torch.testing.assert_close(conv(x), adaptive(x))


def test_a_pyramid_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='make no pyramid'):
        MoveNetFPN(out_channels=(24, 24, 24))


def test_an_exported_backbone_takes_other_sizes():
    onnxruntime = pytest.importorskip('onnxruntime')
    model = MoveNetMobileNetV2(widen_factor=0.25)
    model.eval()  # MMPose's own returns nothing
    file = io.BytesIO()
    axes = {0: 'batch', 2: 'height', 3: 'width'}
    torch.onnx.export(
        model,
        (torch.zeros(1, 3, 64, 64),),
        file,
        dynamo=False,
        input_names=['image'],
        output_names=['c2', 'c3', 'c4', 'c5'],
        dynamic_axes={'image': axes, 'c2': axes, 'c5': axes},
    )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=['CPUExecutionProvider'])
    x = torch.randn(1, 3, 96, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model(x)
    for ours, theirs in zip(session.run(None, {'image': x.numpy()}), expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
