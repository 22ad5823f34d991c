"""Reading MoveNet MultiPose, and the one line a user gets for anything else."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from centergroup_mm.checkpoints.convert_file import convert_file
from centergroup_mm.checkpoints.movenet import load_movenet, movenet_names
from centergroup_mm.utils.errors import UserError

from ..helpers.movenet import ROOT, build_movenet

CONFIG = str(ROOT / 'configs' / 'movenet_coco.py')


@pytest.fixture
def release(tmp_path):
    """A graph of the release's names and shapes with random half-precision weights."""
    rng = np.random.default_rng(0)
    entries, content = [], b''
    state = build_movenet().state_dict()
    for ours, theirs in movenet_names().items():
        shape = list(state[ours].shape)
        if len(shape) == 4:
            depthwise = shape[1] == 1 and shape[2] == 3
            shape = [*shape[2:], *(shape[:2] if depthwise else shape[1::-1])]
        quantization = dict(dtype='float16', original_dtype='float32')
        entries.append(dict(name=theirs, shape=shape, dtype='float32', quantization=quantization))
        content += rng.normal(size=shape).astype('<f2').tobytes()
    entries.append(dict(name='StatefulPartitionedCall/axis', shape=[], dtype='int32'))
    content += np.int32(3).tobytes()
    (tmp_path / 'movenet.bin').write_bytes(content)
    path = tmp_path / 'movenet.json'
    manifest = [dict(paths=['movenet.bin'], weights=entries)]
    path.write_text(json.dumps(dict(format='graph-model', weightsManifest=manifest)))
    return path


def edit(path, change):
    """Change the graph of a release in place."""
    graph = json.loads(path.read_text())
    change(graph)
    path.write_text(json.dumps(graph))


def test_every_parameter_is_read_once(release):
    model = build_movenet()
    state = load_movenet(release)
    assert set(state) == set(model.state_dict())
    assert len(set(movenet_names().values())) == len(state)
    model.load_state_dict(state)
    assert sum(p.numel() for p in model.parameters()) == 4_723_346


def test_a_file_is_written_and_evaluates(release, tmp_path):
    target = tmp_path / 'ours.pth'
    result = convert_file(str(release), str(target), CONFIG)
    assert result.kind == 'movenet' and not result.untrained
    written = torch.load(target, weights_only=True)
    torch.testing.assert_close(written['state_dict'], load_movenet(release))


@pytest.mark.parametrize('case', ['missing', 'no json', 'no graph', 'bin', 'cut', 'other', 'uint8'])
def test_one_line_names_what_is_wrong(release, case):
    binary = release.with_suffix('.bin')
    if case == 'missing':
        release.unlink()
        message = 'not found'
    elif case == 'no json':
        release.write_bytes(b'\x80\x02')
        message = 'not a readable TensorFlow.js graph'
    elif case == 'no graph':
        release.write_text('[]')
        message = 'no weightsManifest'
    elif case == 'bin':
        binary.unlink()
        message = 'put both into one folder'
    elif case == 'cut':
        binary.write_bytes(binary.read_bytes()[:-100])
        message = 'bytes instead of'
    elif case == 'other':
        edit(release, lambda g: g['weightsManifest'][0]['weights'][3].update(name='other'))
        message = 'is not MoveNet MultiPose'
    else:
        entry = dict(dtype='uint8', scale=1.0, min=0.0)
        edit(release, lambda g: g['weightsManifest'][0]['weights'][0].update(quantization=entry))
        message = 'stored as uint8'
    with pytest.raises(UserError, match=message) as error:
        load_movenet(release)
    assert '\n' not in str(error.value) and release.stem in str(error.value)


def test_a_config_of_another_model_is_refused(release, tmp_path):
    config = str(ROOT / 'configs' / 'higherhrnet_w32_coco.py')
    with pytest.raises(UserError, match='no MoveNet MultiPose'):
        convert_file(str(release), str(tmp_path / 'ours.pth'), config)
