"""The tensor core: fast paths equal the obvious ones, masks and mirrors do what they say."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from centergroup_mm.models.grouping import (
    AttentionGrouping,
    EncoderLayer,
    GroupingOutput,
    decode_poses,
    find_peaks,
    merge_mirrored,
    mirror_heatmaps,
    mirror_proposals,
    refine_points,
    sample_at,
    select_proposals,
    sine_encoding_at,
)
from centergroup_mm.models.grouping.decode import pose_scores
from centergroup_mm.models.grouping.proposals import window_maximum
from centergroup_mm.models.necks import CenterGroupNeck, centergroup_neck


@pytest.mark.parametrize('size', [1, 3, 5, 17])
def test_window_maximum_is_max_pooling(size):
    maps = torch.randn(2, 3, 23, 31)
    assert torch.equal(window_maximum(maps, size), F.max_pool2d(maps, size, 1, size // 2))


@pytest.mark.parametrize('size', [0, 4, -3])
def test_window_must_be_odd(size):
    with pytest.raises(ValueError, match='odd'):
        window_maximum(torch.zeros(1, 1, 8, 8), size)


def test_peaks_are_selected_by_height_and_masked():
    maps = torch.zeros(1, 1, 40, 40)
    for x, y, value in ((5, 7, 0.9), (6, 8, 0.5), (30, 20, 0.004), (20, 33, 0.6), (12, 30, 0.003)):
        maps[0, 0, y, x] = value
    allowed = torch.ones(1, 40, 40, dtype=torch.bool)
    allowed[0, 33, 20] = False
    found = select_proposals(maps, 5, nms_size=5, allowed=allowed)
    assert found.points[0, 0, :4].tolist() == [[5, 7], [20, 33], [30, 20], [12, 30]]
    # third by rank, fourth neither by rank nor by height, second hidden by the mask
    assert found.valid[0, 0].tolist() == [True, False, True, False, False]
    assert find_peaks(maps, 5)[0, 0, 8, 6] == 0


@pytest.mark.parametrize('ratio', [4, 2, 1])
def test_sampling_equals_upsampling(ratio):
    maps = torch.randn(2, 6, 48 // ratio, 64 // ratio)
    points = torch.stack([torch.randint(0, 64, (2, 50)), torch.randint(0, 48, (2, 50))], -1)
    upsampled = F.interpolate(maps, size=(48, 64), mode='bilinear', align_corners=False)
    for b in range(2):
        wanted = upsampled[b][:, points[b, :, 1], points[b, :, 0]].T
        # rounding of coordinates: at most 6.7e-6 in 2,000 draws
        assert torch.allclose(sample_at(maps, points, (48, 64))[b], wanted, atol=1e-5)


def test_sine_encoding_at_points_equals_the_upsampled_map():
    mask = torch.zeros(1, 12, 16)
    mask[:, 2:10, 3:13] = 1
    wavelength = 10000 ** (torch.arange(16) // 2 * 2 / 16)
    planes = []
    for dim in (1, 2):
        phase = mask.cumsum(dim)[..., None] / wavelength
        planes.append(torch.stack([phase[..., 0::2].sin(), phase[..., 1::2].cos()], -1).flatten(3))
    full = F.interpolate(torch.cat(planes, -1).permute(0, 3, 1, 2), size=(48, 64), mode='bilinear')[
        0
    ]
    points = torch.stack([torch.randint(0, 64, (1, 40)), torch.randint(0, 48, (1, 40))], -1)
    ours = sine_encoding_at(mask, points, (48, 64), channels=32)[0]
    assert torch.allclose(ours, full[:, points[0, :, 1], points[0, :, 0]].T, atol=1e-5)


def grouping_case(seed: int = 0):
    """A small grouping module and inputs for it."""
    torch.manual_seed(seed)
    module = AttentionGrouping(3, channels=16, head_channels=8, mlp_channels=16).eval()
    centers, keypoints = torch.randn(2, 4, 16), torch.randn(2, 9, 16)
    encodings = torch.randn(2, 4, 16), torch.randn(2, 9, 16)
    points = torch.randint(0, 64, (2, 9, 2))
    return module, (centers, keypoints, *encodings, points, torch.ones(2, 9, dtype=torch.bool))


def test_masked_keypoints_take_no_part():
    module, (*inputs, valid) = grouping_case()
    valid = valid.clone()
    valid[:, 4:] = False
    masked = module(*inputs, valid)
    shorter = [t[:, :4] if i in (1, 3, 4) else t for i, t in enumerate(inputs)]
    alone = module(*shorter, valid[:, :4])
    assert torch.allclose(masked.soft_points, alone.soft_points, atol=1e-4)
    assert torch.equal(masked.hard_points, alone.hard_points)
    assert torch.allclose(masked.visibility, alone.visibility, atol=1e-5)


def test_exact_ties_are_averaged():
    module, (centers, keypoints, ce, ke, points, valid) = grouping_case()
    keypoints[:, 1], ke[:, 1] = keypoints[:, 0], ke[:, 0]
    valid = valid.clone()
    valid[:, 2:] = False
    output = module(centers, keypoints, ce, ke, points, valid)
    wanted = points[:, :2].float().mean(1)
    assert torch.allclose(output.hard_points, wanted[:, None, None].expand(-1, 4, 3, -1))


def test_half_precision_masks_stay_finite():
    module, inputs = grouping_case()
    valid = inputs[-1].clone()
    valid[1] = False
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = module(*inputs[:-1], valid)
    assert all(torch.isfinite(field).all() for field in output)


def test_encoder_ignores_masked_tokens():
    torch.manual_seed(0)
    layer = EncoderLayer(16, 2, 32).eval()
    tokens, encoding = torch.randn(1, 7, 16), torch.randn(1, 7, 16)
    valid = torch.tensor([[True] * 5 + [False] * 2])
    whole = layer(tokens, encoding, valid)[:, :5]
    part = layer(tokens[:, :5], encoding[:, :5], valid[:, :5])
    assert torch.allclose(whole, part, atol=1e-5)


def test_empty_slots_are_left_out_without_a_trace(monkeypatch):
    neck = CenterGroupNeck(4, num_keypoints=3, channels=16, hidden=32).eval()
    generator = torch.Generator().manual_seed(0)
    tokens, encoding = torch.randn(2, 2, 40, 16, generator=generator)  # two images each
    valid = torch.rand(2, 40, generator=generator) < 0.4
    assert 0 < valid.any(0).sum() < 40
    seen = []
    neck.layers[0].register_forward_pre_hook(lambda module, given: seen.append(given[0].shape[1]))
    packed = neck.encode(tokens, encoding, valid)
    monkeypatch.setattr(centergroup_neck, 'is_traced', lambda: True)
    for ours, all_slots in zip(packed, neck.encode(tokens, encoding, valid), strict=True):
        torch.testing.assert_close(ours[valid], all_slots[valid], atol=1e-5, rtol=0)
    assert seen == [int(valid.any(0).sum()), 40]


def test_mirroring_twice_changes_nothing():
    swap = torch.tensor([0, 2, 1])
    maps = torch.rand(2, 3, 8, 12)
    assert torch.equal(mirror_heatmaps(mirror_heatmaps(maps, swap), swap), maps)
    found = select_proposals(maps, 4, 3)
    again = mirror_proposals(mirror_proposals(found, swap, 12), swap, 12)
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))


def test_merging_with_ones_own_mirror_changes_nothing():
    swap = torch.tensor([0, 2, 1])
    attention = torch.randn(1, 4, 3, 9)
    points = torch.randint(0, 20, (1, 4, 3, 2)).float()
    visibility, center = torch.randn(1, 4, 3), torch.randn(1, 4)
    mirrored = points[:, :, swap] * torch.tensor([-1.0, 1.0]) + torch.tensor([19.0, 0.0])
    both = GroupingOutput(
        torch.cat([attention, attention]),
        torch.cat([points, mirrored]),
        torch.cat([points, mirrored]),
        torch.cat([visibility, visibility[:, :, swap]]),
        torch.cat([center, center]),
    )
    merged = merge_mirrored(both, swap, 20)
    assert torch.equal(merged.hard_points, points)
    assert torch.allclose(merged.visibility, visibility)
    assert torch.allclose(merged.center, center)


def test_refinement_moves_to_the_higher_neighbor():
    maps = torch.zeros(1, 1, 9, 9)
    maps[0, 0, 4, 5] = 0.5
    points = torch.tensor([[[[4.0, 4.0]], [[0.0, 8.0]]]])
    moved = refine_points(points, maps)
    assert moved[0, 0, 0].tolist() == [4.75, 4.25]
    assert moved[0, 1, 0].tolist() == [0.25, 8.25]


def test_pose_score_of_program_and_paper():
    visibility = torch.tensor([[[0.9, 0.8, 0.4, 0.3, 0.2, 0.1]]])
    likely, unlikely = torch.tensor([[0.7]]), torch.tensor([[0.4]])
    program = pose_scores(visibility, likely, 5, 0.5).item()
    assert program == pytest.approx((0.9 + 0.8 + 0.4 + 0.3 + 0.2) / 5)
    assert pose_scores(visibility, likely, 0, 0.5).item() == pytest.approx(0.85)
    assert pose_scores(visibility, unlikely, 5, 0.5).item() == pytest.approx(0.4)


def test_slots_without_a_center_score_nothing():
    output = GroupingOutput(
        None, None, torch.zeros(1, 2, 6, 2), torch.full((1, 2, 6), 9.0), torch.full((1, 2), 9.0)
    )
    poses = decode_poses(output, torch.zeros(1, 6, 8, 8), torch.tensor([[True, False]]))
    assert poses.scores[0, 0] > 0.9 and poses.scores[0, 1] == 0
    assert not math.isnan(poses.keypoints.sum().item())
