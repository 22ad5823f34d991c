"""Embeddings of windows against those of whole maps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from centergroup_mm.models.grouping import (
    EmbeddingCNN,
    Proposals,
    embed_windows,
    listed_cells,
    needed_cells,
    point_embeddings,
    sample_at,
    window_cost,
)
from centergroup_mm.models.necks import CenterGroupNeck

SIZE = (96, 160)


def lively(module: nn.Module) -> nn.Module:
    """In evaluation mode, with batch norms that do something."""
    generator = torch.Generator().manual_seed(0)
    for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
        for values in (norm.running_mean, norm.weight.data, norm.bias.data):
            values.uniform_(-1, 1, generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
    return module.eval()


def every_pixel(size: tuple[int, int], step: int = 1) -> torch.Tensor:
    """All points of an input, borders included, [N x 2]."""
    rows, columns = (torch.tensor([*range(0, side, step), side - 1]) for side in size)
    return torch.stack(torch.meshgrid(columns, rows, indexing='xy'), -1).flatten(0, 1)


@pytest.mark.parametrize('blocks', [0, 1, 2])
@pytest.mark.parametrize('size', [SIZE, (8, 8)])
@torch.no_grad()
def test_windows_are_the_whole_map(blocks, size):
    torch.manual_seed(0)
    cnn = lively(EmbeddingCNN(4, 8, blocks))
    features = torch.randn(2, 4, size[0] // 4, size[1] // 4)
    points = every_pixel(size, 3)
    images = torch.arange(2).repeat_interleave(len(points))
    whole = sample_at(cnn(features), points[None].expand(2, -1, -1), size)
    ours = embed_windows(cnn, features, images, points.repeat(2, 1), size)
    assert ours.shape == (2 * len(points), 8) and whole.std() > 0.1
    torch.testing.assert_close(ours.view_as(whole), whole, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_no_points_no_windows():
    cnn = lively(EmbeddingCNN(4, 8))
    none = torch.zeros(0, dtype=torch.long)
    found = embed_windows(cnn, torch.randn(1, 4, 24, 40), none, torch.zeros(0, 2), SIZE)
    assert found.shape == (0, 8)


def test_cost_is_what_the_convolutions_multiply():
    cnn = EmbeddingCNN(4, 8, 2)
    outputs = (8 * 8, 6 * 6, 4 * 4, 2 * 2)
    assert window_cost(cnn) == pytest.approx(8 / 7 * sum(outputs) / 4)
    assert window_cost(EmbeddingCNN(4, 8, 0)) > 0


def slots(types: int, ranks: int, used: float) -> Proposals:
    """Random proposals of two images."""
    shape = (2, types, ranks)
    limits = torch.tensor(SIZE[::-1])
    points = (torch.rand(*shape, 2) * limits).floor()
    return Proposals(points, torch.rand(shape), torch.rand(shape) < used)


def neck_case(scales: int) -> tuple[CenterGroupNeck, tuple]:
    """A neck and what it embeds."""
    torch.manual_seed(0)
    neck = lively(CenterGroupNeck(4, num_keypoints=3, channels=16, hidden=32))
    sides = ((24, 40), (48, 80), (12, 20))[:scales]
    features = [(torch.randn(2, 4, *side),) for side in sides]
    return neck, (features, slots(3, 10, 0.5), slots(1, 10, 0.5), SIZE)


def set_costs(monkeypatch: pytest.MonkeyPatch, window: float, cell: float = 1e9) -> None:
    """Say what a window and a listed cell cost."""
    monkeypatch.setattr(point_embeddings, 'window_cost', lambda cnn: window)
    monkeypatch.setattr(listed_cells, 'CELL_COST', cell)
    monkeypatch.setattr(point_embeddings, '_FEW_CELLS', 0)


@pytest.mark.parametrize('traced', [False, True])
@pytest.mark.parametrize('scales', [1, 3])
@torch.no_grad()
def test_neck_may_choose_any(traced, scales, monkeypatch):
    neck, given = neck_case(scales)
    used = torch.cat([group.valid.flatten(1) for group in given[1:3]], 1)
    monkeypatch.setattr(point_embeddings, 'is_traced', lambda: traced)
    found = []
    for costs in ((1e9, 1e9), (1e-6, 1e9), (1e9, 1e-6)):
        set_costs(monkeypatch, *costs)
        found.append(neck.embed(*given))
    for other in found[1:]:
        torch.testing.assert_close(other[used], found[0][used], atol=1e-5, rtol=1e-5)
    assert (found[1][~used] == 0).all() != traced  # a traced graph has all windows


@pytest.mark.parametrize('costs', [(1e-6, 1e9), (1e9, 1e-6)])
@torch.no_grad()
def test_image_without_valid_keypoints_is_embedded_at_all_of_them(costs, monkeypatch):
    neck, given = neck_case(1)
    given[1].valid[0] = False
    set_costs(monkeypatch, 1e9)
    whole = neck.embed(*given)
    set_costs(monkeypatch, *costs)
    found = neck.embed(*given)
    torch.testing.assert_close(found[0, :30], whole[0, :30], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_cheapest_of_map_windows_and_cells_is_taken(monkeypatch):
    neck, given = neck_case(1)
    calls = []
    for name in ('embed_windows', 'embed_cells', 'sample_at'):
        taken = getattr(point_embeddings, name)
        monkeypatch.setattr(
            point_embeddings,
            name,
            lambda *a, name=name, taken=taken: (calls.append(name), taken(*a))[1],
        )
    maps = given[0][0][-1]
    keypoints = given[1].flatten()
    images = torch.arange(2)[:, None].expand_as(keypoints.valid)[keypoints.valid]
    set_costs(monkeypatch, 1.0, 1.0)
    cells = needed_cells(maps, images, keypoints.points[keypoints.valid], SIZE, 4).cost
    windows, whole = int(keypoints.valid.sum()), maps[:, 0].numel()
    for window, cell, wanted in (
        (0.9, 1.1, 'embed_windows'),
        (1.1, 0.9, 'embed_cells'),
        (0.9, 0.8, 'embed_cells'),
        (1.1, 1.1, 'sample_at'),
    ):
        calls.clear()
        set_costs(monkeypatch, window * whole / windows, cell * whole / cells)
        neck.embed(*given)
        assert calls[:1] == [wanted]


@pytest.mark.parametrize('training', [True, False])
def test_autocast_reaches_the_convolutions_in_training_alone(training):
    neck, given = neck_case(1)
    neck.train(training)
    dtypes = set()
    for cnn in (neck.keypoint_embed, neck.center_embed):
        for block in list(cnn)[3:]:
            for norm in (block.bn1, block.bn2):
                norm.register_forward_hook(lambda module, x, y: dtypes.add(x[0].dtype))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        features = [(feature.bfloat16(),) for (feature,) in given[0]]
        embeddings = neck.embed(features, *given[1:])
    assert dtypes == {torch.bfloat16 if training else torch.float32}
    assert embeddings.dtype == torch.float32
