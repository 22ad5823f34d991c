"""Embeddings of listed cells against those of whole maps."""

from __future__ import annotations

import pytest
import torch

from centergroup_mm.models.grouping import EmbeddingCNN, embed_cells, needed_cells, sample_at
from centergroup_mm.utils.fusing import fuse_for_inference

from .test_windows import SIZE, every_pixel, lively


@pytest.mark.parametrize('fused', [False, True])
@pytest.mark.parametrize('blocks', [0, 1, 2])
@pytest.mark.parametrize('size', [SIZE, (8, 8)])
@torch.no_grad()
def test_listed_cells_are_the_whole_map(fused, blocks, size):
    torch.manual_seed(0)
    cnn = lively(EmbeddingCNN(4, 8, blocks))
    maps = torch.randn(2, 4, size[0] // 4, size[1] // 4)
    points = every_pixel(size, 3)
    whole = sample_at(cnn(maps), points[None].expand(2, -1, -1), size)
    if fused:
        cnn = fuse_for_inference(cnn)
    images = torch.arange(2).repeat_interleave(len(points))
    points = points.repeat(2, 1)
    ours = embed_cells(cnn, maps, needed_cells(maps, images, points, size, cnn.reach))
    assert whole.std() > 0.1
    torch.testing.assert_close(ours.view_as(whole), whole, atol=1e-5, rtol=1e-5)
    chosen = torch.randperm(len(points))[:9]  # a few, in any order
    needed = needed_cells(maps, images[chosen], points[chosen], size, cnn.reach)
    expected = whole.flatten(0, 1)[chosen]
    torch.testing.assert_close(embed_cells(cnn, maps, needed), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_without_points_nothing_is_needed():
    cnn = lively(EmbeddingCNN(4, 8))
    maps, none = torch.randn(1, 4, 24, 40), torch.zeros(0, dtype=torch.long)
    needed = needed_cells(maps, none, torch.zeros(0, 2), SIZE, cnn.reach)
    assert needed.cost == 0
    assert embed_cells(cnn, maps, needed).shape == (0, 8)


def test_a_cell_that_two_points_need_is_listed_once():
    maps = torch.randn(1, 4, 24, 40)
    images = torch.zeros(2, dtype=torch.long)
    apart = torch.tensor([[50.0, 50.0], [110.0, 50.0]])
    near = torch.tensor([[50.0, 50.0], [50.0, 50.0]])
    sizes = [
        [len(cells.flat) for cells in needed_cells(maps, images, points, SIZE, 4).layers]
        for points in (apart, near)
    ]
    assert sizes[1] == [100, 64, 36, 16, 4]
    assert sizes[0] == [2 * number for number in sizes[1]]
