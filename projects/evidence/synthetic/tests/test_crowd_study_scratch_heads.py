"""The weights with which the rows of CID and of associative embedding begin."""

from __future__ import annotations

import pytest
import torch
from crowd_study.scratch_heads import ScratchCIDHead, ScratchTagHead
from mmpose.models.heads import CIDHead
from mmpose.registry import MODELS

from centergroup_mm.models.heads import CenterHigherHRNetHead


@torch.no_grad()
def difference_of_people(kind: type[CIDHead]) -> float:
    """How much the heatmaps of two people in different places differ before training."""
    torch.manual_seed(0)
    loss = dict(type='FocalHeatmapLoss')
    head = MODELS.build(
        dict(
            type=kind,
            in_channels=8,
            num_keypoints=3,
            gfd_channels=4,
            coupled_heatmap_loss=loss,
            decoupled_heatmap_loss=loss,
            contrastive_loss=dict(type='InfoNCELoss'),
        )
    )
    head.init_weights()
    assert float(head.gfd_module.heatmap_conv.bias[0]) == pytest.approx(-4.595, abs=1e-3)
    feats = torch.randn(1, 8, 6, 6)
    places = torch.tensor([[1, 1], [4, 5]])
    people = feats[0, :, places[:, 1], places[:, 0]].T
    heatmaps = head.gfd_module(feats, people, places, torch.zeros(2, dtype=torch.long))
    return float((heatmaps[0] - heatmaps[1]).abs().max())


def test_heatmaps_of_a_person_depend_on_the_person_before_training():
    stock, ours = difference_of_people(CIDHead), difference_of_people(ScratchCIDHead)
    assert stock < 1e-8  # float32 cannot tell them apart
    assert ours > 1e-6


@torch.no_grad()
def maps_before_training(kind: type[CenterHigherHRNetHead]) -> tuple[torch.Tensor, torch.Tensor]:
    """Heatmaps at 1/4 and tags that a head draws from random features."""
    torch.manual_seed(0)
    feats = [torch.randn(1, 16, 8, 8)]
    head = MODELS.build(dict(type=kind, in_channels=16, num_keypoints=3, with_center=False))
    head.init_weights()
    heatmaps, tags = head.split(head(feats))
    return heatmaps[0], tags


def test_tags_differ_from_place_to_place_before_training():
    stock, ours = maps_before_training(CenterHigherHRNetHead), maps_before_training(ScratchTagHead)
    assert float(stock[1].std()) < 0.01
    assert float(ours[1].std()) > 0.5
    assert torch.equal(stock[0], ours[0])  # heatmaps begin as they did
