"""Models whose batch norms are folded into their convolutions predict the same."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor, nn

from centergroup_mm.models.grouping.embedding import EmbeddingCNN, embed_windows
from centergroup_mm.utils.fusing import fuse_for_inference

from ..conftest import ROOT


def stirred(model: nn.Module) -> nn.Module:
    """The model with statistics and affine parts as after training."""
    torch.manual_seed(0)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.5, 2.0)
            with torch.no_grad():
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.normal_(0, 0.3)
    return model.eval()


def norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@torch.no_grad()
def outputs(model: nn.Module, images: Tensor) -> list[Tensor]:
    """Heatmaps of both levels and the maps of the embedding CNNs."""
    features = model.extract_feat(images)
    embedded = [cnn(features[-1]) for cnn in (model.head.neck.keypoint_embed,)]
    return [*model.head.detector.detect(features).heatmaps, *embedded]


def test_a_whole_model_has_no_batch_norms_left_and_the_same_maps():
    cfg = Config.fromfile(ROOT / 'configs/centergroup_tiny_synthetic.py')
    init_default_scope('mmpose')
    model = stirred(MODELS.build(cfg.model))
    fused = fuse_for_inference(copy.deepcopy(model))
    assert norms(model) > 20 and norms(fused) == 0
    assert not fused.training and not any(p.requires_grad for p in fused.parameters())
    images = torch.randn(2, 3, 64, 96)
    for ours, theirs in zip(outputs(fused, images), outputs(model, images), strict=True):
        scale = theirs.abs().max()
        assert scale > 0
        torch.testing.assert_close(ours / scale, theirs / scale, rtol=0, atol=1e-5)


def test_windows_of_a_fused_embedding_are_those_of_the_map():
    cnn = stirred(EmbeddingCNN(8, 16))
    fused = fuse_for_inference(copy.deepcopy(cnn))
    features, points = torch.randn(1, 8, 20, 24), torch.tensor([[0, 0], [95, 79], [41, 30]])
    given = (features, torch.zeros(3, dtype=torch.long), points, (80, 96))
    with torch.no_grad():
        torch.testing.assert_close(
            embed_windows(fused, *given), embed_windows(cnn, *given), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize('groups', [1, 2])
def test_norms_stay_where_they_do_not_follow_their_convolution(groups):
    model = stirred(
        nn.Sequential(
            nn.Conv2d(4, 4, 3),
            nn.ReLU(),
            nn.BatchNorm2d(4),
            nn.ConvTranspose2d(4, 6, 4, stride=2, groups=groups),
            nn.BatchNorm2d(6),
        )
    )
    images = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        before = model(images)
        fuse_for_inference(model)
        assert norms(model) == groups  # of a transposed convolution with groups, too
        torch.testing.assert_close(model(images), before, rtol=1e-4, atol=1e-5)
