"""Offset maps: reading, mirroring and matching, each against a plain loop or a formula."""

from __future__ import annotations

import pytest
import torch
from centergroup_offsets import OffsetsLoss
from centergroup_offsets.offsets import match_keypoints, mirror_offsets, read_offsets

from centergroup_mm.models.grouping import Proposals

SWAP = torch.tensor([0, 2, 1])  # a nose and two eyes


def test_reading_interpolates_places_not_cells():
    """A map that holds in each cell the place of its middle gives every place back."""
    height, width = 6, 8
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    middles = torch.stack([columns, rows]) * 4.0 + 2.0  # [2 x h x w]
    maps = torch.stack([middles, -middles])[None]  # [1 x 2 x 2 x h x w]
    places = torch.tensor([[[2.0, 2.0], [7.5, 9.25], [29.0, 21.9]]])
    found = read_offsets(maps, places, (24, 32))
    assert found.shape == (1, 3, 2, 2)
    assert torch.allclose(found[:, :, 0], places, atol=1e-4)
    assert torch.allclose(found[:, :, 1], -places, atol=1e-4)


def test_mirrored_maps_say_the_same():
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 2, 6, 8)
    places = torch.rand(2, 5, 2) * torch.tensor([32.0, 24.0])
    # What a network that sees the mirrored image predicts at the mirrored places.
    seen = mirror_offsets(maps, SWAP)
    mirrored = torch.stack([32 - places[..., 0], places[..., 1]], -1)
    original, flipped = (
        read_offsets(maps, places, (24, 32)),
        read_offsets(seen, mirrored, (24, 32))[:, :, SWAP] * torch.tensor([-1.0, 1.0]),
    )
    assert torch.allclose(original, flipped, atol=1e-5)
    assert torch.equal(mirror_offsets(seen, SWAP), maps)


def test_matches_are_those_of_a_plain_loop():
    torch.manual_seed(0)
    points = torch.randint(0, 64, (2, 3, 6, 2))
    valid = torch.rand(2, 3, 6) > 0.4
    valid[1, 2] = False
    keypoints = Proposals(points, torch.rand(2, 3, 6), valid)
    regressed = torch.rand(2, 4, 3, 2) * 64
    for max_shift in (None, 0.2):
        found = match_keypoints(regressed, keypoints, max_shift)
        for b, c, k in torch.cartesian_prod(torch.arange(2), torch.arange(4), torch.arange(3)):
            own = valid[b, k].nonzero()[:, 0]
            joint, pose = regressed[b, c, k], regressed[b, c]
            limit = float('inf')
            if max_shift is not None:
                limit = max_shift * (pose.max(0).values - pose.min(0).values).max()
            distance = (points[b, k, own] + 0.5 - joint).norm(dim=-1)
            assert found.matched[b, c, k] == bool((distance <= limit).any())
            if found.matched[b, c, k]:
                best = own[distance.argmin()]
                assert torch.equal(found.points[b, c, k], points[b, k, best])
                assert found.scores[b, c, k] == keypoints.scores[b, k, best]
    assert not found.matched[1, :, 2].any()


def test_loss_is_the_mean_over_labeled_joints():
    offsets = torch.zeros(1, 2, 3, 2, requires_grad=True)
    targets = torch.full((1, 2, 3, 2), 4.0)
    targets[0, 0, 0] = torch.tensor([10.0, 20.0])
    counted = torch.zeros(1, 2, 3, dtype=torch.bool)
    counted[0, 0, :2] = True
    assert OffsetsLoss(0.5)(offsets, targets, counted).item() == pytest.approx(0.5 * 38 / 4)
    nothing = OffsetsLoss()(offsets, targets, counted & False)
    nothing.backward()
    assert nothing.item() == 0 and not offsets.grad.any()
    with pytest.raises(ValueError, match='do not fit one another'):
        OffsetsLoss()(offsets, targets[:, :1], counted)
