"""What an ONNX file may be."""

from __future__ import annotations

import numpy as np
import pytest

from centergroup_lite.errors import UserError
from centergroup_lite.onnx_file import OnnxPredictor

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')


def test_a_file_that_takes_values_from_other_files_is_refused(tmp_path):
    weights = onnx.numpy_helper.from_array(np.ones(2000, np.float32), 'weights')
    output = onnx.helper.make_tensor_value_info('weights', onnx.TensorProto.FLOAT, [2000])
    graph = onnx.helper.make_graph([], 'graph', [], [output], [weights])
    path = tmp_path / 'model.onnx'
    onnx.save(
        onnx.helper.make_model(graph), path, save_as_external_data=True, location='secret.bin'
    )
    assert (tmp_path / 'secret.bin').is_file()
    with pytest.raises(UserError, match=r'model\.onnx takes values from other files'):
        OnnxPredictor(path)
