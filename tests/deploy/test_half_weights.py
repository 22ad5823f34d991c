"""Weights that are stored in half precision."""

from __future__ import annotations

import numpy as np
import pytest

from centergroup_mm.deploy.half_weights import halve_weights

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')


def product(weights: np.ndarray) -> onnx.ModelProto:
    """A graph that multiplies its input by a matrix."""
    from onnx import TensorProto, helper, numpy_helper

    sides = [['n', weights.shape[0]], ['n', weights.shape[1]]]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip('xy', sides, strict=True)
    ]
    graph = helper.make_graph(
        [helper.make_node('MatMul', ['x', 'w'], ['y'])],
        'product',
        ends[:1],
        ends[1:],
        [numpy_helper.from_array(weights, 'w')],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider']
    )
    return session.run(None, dict(x=x))[0]


@pytest.mark.parametrize('exact', [True, False])
def test_half_the_size_and_the_same_results_where_weights_are_exact(exact):
    random = np.random.default_rng(0)
    weights = random.normal(size=(64, 64)).astype(np.float32)
    if exact:
        weights = weights.astype(np.float16).astype(np.float32)
    x = random.normal(size=(3, 64)).astype(np.float32)
    model = product(weights)
    before, size = run(model, x), model.ByteSize()
    rounded = halve_weights(model)
    assert (rounded == 0) is exact
    assert model.ByteSize() < 0.55 * size
    after = run(model, x)
    if exact:
        np.testing.assert_array_equal(after, before)
    np.testing.assert_allclose(after, before, atol=0.02)


@pytest.mark.parametrize('value', [1e6, np.inf, np.nan])
def test_tensors_that_half_precision_cannot_hold_stay(value):
    weights = np.ones((32, 32), np.float32)
    weights[3, 4] = value
    model = product(weights)
    assert halve_weights(model) == 0 and len(model.graph.node) == 1


def test_small_tensors_stay():
    model = product(np.ones((2, 2), np.float32))
    assert halve_weights(model) == 0 and len(model.graph.node) == 1
