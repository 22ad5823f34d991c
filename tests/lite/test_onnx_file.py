"""What an ONNX file may be."""

from __future__ import annotations

import json

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


@pytest.mark.parametrize(
    ('change', 'key'),
    [
        ({}, 'short_side'),
        ([], 'short_side'),
        ({'joints': 'abc'}, 'joints'),
        ({'joints': []}, 'joints'),
        ({'short_side': 0}, 'short_side'),
        ({'long_side': '512', 'short_side': 64}, 'long_side'),
        ({'size_factor': 1.5}, 'size_factor'),
        ({'skeleton': [[0, 2]]}, 'skeleton'),
        ({'skeleton': None}, 'skeleton'),
    ],
)
def test_metadata_that_lack_a_key_or_have_a_wrong_one_are_said_in_a_line(tmp_path, change, key):
    good = {'short_side': 64, 'size_factor': 32, 'joints': ['a', 'b'], 'skeleton': [[0, 1]]}
    info = {**good, **change} if change else change
    output = onnx.helper.make_tensor_value_info('one', onnx.TensorProto.FLOAT, [1])
    one = onnx.numpy_helper.from_array(np.ones(1, np.float32), 'one')
    model = onnx.helper.make_model(
        onnx.helper.make_graph([], 'graph', [], [output], [one]),
        ir_version=8,
        opset_imports=[onnx.helper.make_opsetid('', 17)],
    )
    onnx.helper.set_model_props(model, {'centergroup_mm': json.dumps(info)})
    onnx.save(model, tmp_path / 'model.onnx')
    with pytest.raises(UserError, match=rf'model\.onnx: {key} of its metadata'):
        OnnxPredictor(tmp_path / 'model.onnx')
