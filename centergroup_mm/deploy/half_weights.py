"""ONNX files of half the size: weights are stored in half precision and used in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

#: smaller tensors stay; a cast costs as many bytes as it saves there
_LEAST = 256
_LARGEST = float(np.finfo(np.float16).max)


def halve_weights(model: Any) -> int:
    """Store the large float32 weights of a model as float16, each with a cast to float32 behind it.

    Computation stays float32: onnxruntime casts the weights once, when it loads the file. Weights
    that are exact in float16, as those of checkpoints that were stored so, give the same results
    to the last bit. Tensors with values that float16 cannot hold stay as they are.

    Args:
        model: an ``onnx.ModelProto``, which is changed.

    Returns:
        how many values are rounded, 0 if the results stay the same.
    """
    from onnx import TensorProto, helper, numpy_helper

    rounded, casts = 0, []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        # also false for NaN
        if values.size < _LEAST or not np.abs(values).max() <= _LARGEST:
            continue
        half = values.astype(np.float16)
        rounded += int((half.astype(np.float32) != values).sum())
        name, stored = tensor.name, f'{tensor.name}_float16'
        tensor.CopyFrom(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node('Cast', [stored], [name], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    return rounded
