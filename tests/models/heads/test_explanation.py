"""Heads hand out heatmaps and what the grouping saw, where the test config asks for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

import centergroup_mm  # noqa: F401
from centergroup_mm.models.grouping.explanation import Explanation

from ...conftest import ROOT
from ...helpers.exported import scatter_peaks
from .test_point_centergroup_head import FLIP, build_head, pyramid

ON = dict(output_attention=True, output_heatmaps=True)
#: an image of 120 x 90 pixels in an input of 64 x 48
WIDTH, HEIGHT, RATIO = 64, 48, 1.875


def samples(count: int = 1) -> list[PoseDataSample]:
    meta = dict(
        input_size=(WIDTH, HEIGHT),
        input_center=np.array([60.0, 45.0]),
        input_scale=np.array([120.0, 90.0]),
        ori_shape=(90, 120),
        img_shape=(HEIGHT, WIDTH),
        flip_indices=FLIP,
    )
    return [PoseDataSample(metainfo=meta) for _ in range(count)]


def point_head() -> tuple[torch.nn.Module, list]:
    return build_head(), pyramid(2)


def paper_head(geometry: bool = False) -> tuple[torch.nn.Module, list]:
    """The paper's head, tiny."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    cfg = Config.fromfile(ROOT / 'configs/centergroup_tiny_synthetic.py').model.head
    cfg.num_slots, cfg.neck.num_layers = 4, 2
    if geometry:
        cfg.detector = dict(type='MoveNetHead', in_channels=32, feat_channels=8)
        cfg.grouping.geometry = True
    head = MODELS.build(cfg).eval()
    if not geometry:
        scatter_peaks(Holder(head))
    return head, [torch.randn(2, 32, HEIGHT // 4, WIDTH // 4)]


class Holder(torch.nn.Module):
    """What has a head, as ``scatter_peaks`` wants it."""

    def __init__(self, head: torch.nn.Module) -> None:
        super().__init__()
        self.head = head


HEADS = dict(points=point_head, paper=paper_head, geometry=lambda: paper_head(True))


@pytest.fixture(params=HEADS)
def case(request) -> tuple[torch.nn.Module, list]:
    return HEADS[request.param]()


def check(found: Explanation) -> None:
    """What holds for every explanation."""
    layers, centers, kinds, _ = found.weights.shape
    assert layers > 1 and len(found.centers) == centers and len(found.candidates) == kinds
    np.testing.assert_allclose(found.weights.sum(-1), 1, rtol=1e-4)
    assert found.candidates.max() == len(found.keypoints) - 1
    taken = np.append(found.keypoint_valid, True)[found.candidates]  # the expected one is taken
    logits = np.where(taken, sum(found.terms.values()), -np.inf)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    shares = powers / powers.sum(-1, keepdims=True)
    np.testing.assert_allclose(found.weights, shares, atol=2e-4)


def test_weights_follow_from_their_terms_and_places_are_those_of_the_image(case):
    head, feats = case
    data = samples(2)
    with torch.no_grad():
        poses, fields = head.predict(feats, data, ON)
    for sample, found, field in zip(data, poses, fields, strict=True):
        check(sample.attention)
        order = np.argsort(-sample.attention.scores[sample.attention.center_valid], kind='stable')
        points = sample.attention.points[sample.attention.center_valid][order[0]]
        assert np.abs(found.keypoints * RATIO - points).max(axis=(1, 2)).min() < 1e-3
        assert field.heatmaps.shape[0] == 18


def test_nothing_is_handed_out_unasked_and_asking_changes_no_pose(case):
    head, feats = case
    silent, asked = samples(2), samples(2)
    with torch.no_grad():
        poses = head.predict(feats, silent, {})
        explained, _ = head.predict(feats, asked, ON)
    assert all('attention' not in sample.metainfo for sample in silent)
    assert not any(module._forward_hooks for module in head.modules())
    for one, other in zip(poses, explained, strict=True):
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
        np.testing.assert_array_equal(one.bbox_scores, other.bbox_scores)


def test_a_flip_test_explains_the_image_itself(case):
    head, feats = case
    alone, flipped = samples(2), samples(2)
    with torch.no_grad():
        head.predict(feats, alone, ON)
        head.predict(
            [feats, [level.flip(-1) for level in feats]], flipped, ON | dict(flip_test=True)
        )
    for one, other in zip(alone, flipped, strict=True):
        assert one.attention.weights.shape == other.attention.weights.shape
        check(other.attention)


def test_the_chosen_keypoint_of_a_round_has_most_attention():
    head, feats = point_head()
    with torch.no_grad():
        head.predict(feats, data := samples(2), ON)
        estimate, keypoints, _ = head.group(feats, head.detector.detect(feats))
    for i, sample in enumerate(data):
        found = sample.attention
        for layer, chosen in enumerate(estimate.rounds):
            best = found.weights[layer].argmax(-1)
            np.testing.assert_array_equal(best, chosen.chosen[i])
        # a place in cells of four pixels of the input
        expected = keypoints.points[i].flatten(0, 1) * 4 * RATIO
        np.testing.assert_allclose(found.keypoints, expected, rtol=1e-5, atol=1e-4)
