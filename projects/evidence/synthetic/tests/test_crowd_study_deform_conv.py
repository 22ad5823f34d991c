"""Deformable convolution in plain PyTorch."""

from __future__ import annotations

import pytest
import torch
from crowd_study.deform_conv import DeformConv2d
from torch.nn import functional as F


def test_without_offsets_it_is_a_convolution():
    torch.manual_seed(0)
    layer = DeformConv2d(4, 6, 3, padding=1, groups=2, deform_groups=2)
    x = torch.randn(2, 4, 7, 9)
    expected = F.conv2d(x, layer.weight, padding=1, groups=2)
    assert torch.allclose(layer(x, torch.zeros(2, 36, 7, 9)), expected, atol=1e-5)


def test_whole_offsets_move_the_input_of_their_group():
    """The order is that of mmcv: y before x, for each cell of the kernel, for each group."""
    torch.manual_seed(0)
    layer = DeformConv2d(2, 2, 3, padding=1, groups=2, deform_groups=2)
    x = torch.randn(1, 2, 8, 8)
    offset = torch.zeros(1, 2, 9, 2, 8, 8)
    offset[:, 1, :, 0], offset[:, 1, :, 1] = 2, -1  # two down, one to the left, second group
    moved = x.clone()
    moved[:, 1] = 0
    moved[:, 1, :-2, 1:] = x[:, 1, 2:, :-1]
    expected = F.conv2d(moved, layer.weight, padding=1, groups=2)
    found = layer(x, offset.flatten(1, 3))
    # Not where the moved picture was cut off.
    assert torch.allclose(found[..., 1:5, 2:-1], expected[..., 1:5, 2:-1], atol=1e-5)


def test_half_offsets_interpolate_and_have_gradients():
    layer = DeformConv2d(1, 1, 1, padding=0)
    x = torch.arange(4.0).view(1, 1, 1, 4)
    offset = torch.zeros(1, 2, 1, 4)
    offset[:, 1] = 0.5
    offset.requires_grad_()
    with torch.no_grad():
        layer.weight.fill_(1)
    found = layer(x, offset)
    assert found.flatten().tolist() == pytest.approx([0.5, 1.5, 2.5, 1.5])  # zero outside
    found.sum().backward()
    assert offset.grad[0, 1].flatten().tolist() == pytest.approx([1, 1, 1, -3])


def test_what_dekr_does_not_use_is_refused():
    with pytest.raises(ValueError, match='keeps the size'):
        DeformConv2d(4, 4, 3, padding=0)
    with pytest.raises(ValueError, match='do not divide'):
        DeformConv2d(4, 4, 3, padding=1, deform_groups=3)
