"""``torch.compile``, ``torch.export`` and reduced precision of the whole inference path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from centergroup_mm.deploy import check
from centergroup_mm.deploy.export import export_program
from centergroup_mm.models.grouping import AttentionGrouping
from centergroup_mm.utils.precision import autocast

from ..helpers import exported

pytestmark = exported.needs_export

#: batch, height and width of inputs
SHAPES = ((2, 96, 64), (3, 160, 128), (1, 128, 192))


def inputs(batch: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of drawn people with some padding on the left and at the bottom."""
    images = check.synthetic_images(batch, (width, height))
    image = torch.from_numpy(np.stack(images))
    content = torch.tensor([[8.0 * (i % 2), 0.0, width, height - 4.0 * i] for i in range(batch)])
    return image, content


def agreeing_joints(graph, run, tensors: tuple[torch.Tensor, ...], tolerance: float = 1e-4) -> int:
    """Joints that a transformed graph and the eager one place alike.

    Rounding may order equal peaks differently, so images with such may differ.
    """
    results = [[field.numpy() for field in module(*tensors)] for module in (run, graph)]
    found = check.compare(*results, tolerance=0.05)
    if not found.same:
        tied = check.tied_peaks(graph, *(tensor.numpy() for tensor in tensors))
        found = check.compare(*([f[~tied] for f in each] for each in results), tolerance=0.05)
    assert found.same, found
    assert max(found.visibility, found.score) < tolerance, found
    return found.joints


@pytest.fixture(
    scope='module',
    params=[
        pytest.param(exported.short_config(), id='short backbone'),
        pytest.param(exported.TINY, id='HRNet', marks=pytest.mark.extended),
    ],
)
def config(request: pytest.FixtureRequest) -> Path:
    """A tiny model."""
    return request.param


@pytest.fixture(scope='module')
def graph(config: Path):
    """Its inference graph."""
    return exported.graph(config)


@pytest.mark.parametrize(
    'dynamic',
    [
        pytest.param(False, id='one size'),
        # tracing with free sizes takes half a minute
        pytest.param(True, id='every size', marks=pytest.mark.slow),
    ],
)
@torch.no_grad()
def test_one_graph_without_breaks(graph, dynamic):
    torch._dynamo.reset()
    graphs = []

    def count(module: torch.fx.GraphModule, example_inputs: list) -> torch.fx.GraphModule:
        """A backend that counts the graphs and runs them as they are."""
        graphs.append(module)
        return module

    compiled = torch.compile(graph, backend=count, fullgraph=True, dynamic=dynamic)
    # a batch of one would be a second graph, as torch always makes it
    shapes = SHAPES[: 2 if dynamic else 1]
    assert sum(agreeing_joints(graph, compiled, inputs(*shape)) for shape in shapes) > 0
    assert len(graphs) == 1


@torch.no_grad()
def test_exported_program_serves_every_size(config, graph):
    short = config == exported.short_config()
    module = (exported.program() if short else export_program(graph)).module()
    assert sum(agreeing_joints(graph, module, inputs(*shape)) for shape in SHAPES) > 0


@pytest.mark.slow
@exported.needs_compiler
@torch.no_grad()
def test_compiled_code_of_the_attention():
    """What code is generated for most: softmax, masks and products of free sizes."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    options = dict(channels=16, head_channels=8, visibility=None, classify_centers=False)
    grouping = AttentionGrouping(5, **options).eval()
    compiled = torch.compile(grouping, fullgraph=True, dynamic=True)
    for batch, people, points in ((2, 6, 40), (3, 9, 70)):
        tokens = [torch.randn(batch, count, 16) for count in (people, points) * 2]
        places, valid = torch.rand(batch, points, 2) * 100, torch.rand(batch, points) < 0.8
        for ours, eager in zip(
            compiled(*tokens, places, valid), grouping(*tokens, places, valid), strict=True
        ):
            torch.testing.assert_close(ours, eager, rtol=1e-4, atol=1e-4)


@pytest.mark.extended
@exported.needs_compiler
@torch.no_grad()
def test_compiled_code(graph):
    torch._dynamo.reset()
    compiled = torch.compile(graph, fullgraph=True, dynamic=True)
    joints = 0
    for batch, side in ((2, 64), (3, 96)):
        arrays = check.prepare(check.synthetic_images(batch), side)
        joints += agreeing_joints(graph, compiled, tuple(map(torch.from_numpy, arrays)), 1e-3)
    assert joints > 0


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
@torch.no_grad()
def test_reduced_precision_keeps_float32_where_it_counts(config, graph, precision):
    reduced = exported.graph(config, precision)
    tensors = inputs(2, 96, 64)
    dtypes = set()
    hook = reduced.model.backbone.conv1.register_forward_hook(
        lambda module, args, output: dtypes.add(output.dtype)
    )
    poses = reduced(*tensors)
    hook.remove()
    assert dtypes == {getattr(torch, precision)}
    assert [field.dtype for field in poses] == [torch.float32] * 3 + [torch.bool]
    assert all(torch.isfinite(field).all() for field in poses)
    with autocast(reduced.precision, 'cpu'):
        ours = reduced.detect(*tensors)[0].maps
    theirs = graph.detect(*tensors)[0].maps
    assert ours.dtype == torch.float32
    difference = float((ours - theirs).abs().max() / theirs.std())
    limit = {'bfloat16': 0.25, 'float16': 0.04}[precision]  # mantissas of 8 and 11 bits
    assert 0 < difference < limit, difference
