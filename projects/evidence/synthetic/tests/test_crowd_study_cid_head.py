"""The weights with which CID's row begins."""

from __future__ import annotations

import pytest
import torch
from crowd_study.cid_head import ScratchCIDHead
from mmpose.models.heads import CIDHead
from mmpose.registry import MODELS


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
