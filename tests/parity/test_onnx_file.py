"""One ONNX file of the released W32 model, flip test and grouping inside, with onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from centergroup_mm.checkpoints.official_names import from_official
from centergroup_mm.deploy import check
from centergroup_mm.deploy.export import export_onnx, export_program
from centergroup_mm.deploy.load import load_graph
from centergroup_mm.models.grouping import Poses
from centergroup_mm.utils.valid_mask import valid_box

from ..helpers import exported
from . import check_stages as stages
from .models import config_of, official_state
from .reference import FOLDER, NO_FOLDER, SHARED, Reference
from .test_fast_paths import compare

for name in ('onnx', 'onnxscript', 'onnxruntime'):
    pytest.importorskip(name, reason='pip install onnx onnxscript onnxruntime')

pytestmark = [exported.needs_onnx, pytest.mark.extended]


@pytest.fixture(scope='module')
def reference() -> Reference:
    """A file from image to poses whose weights the ONNX file has."""
    found = sorted(FOLDER.glob('pipeline_w32_coco_flip*.npz'))
    if not found:
        pytest.skip(NO_FOLDER)
    return Reference(found[0])


@pytest.fixture(scope='module')
def programs(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """The eager graph and a session of its ONNX file."""
    folder = tmp_path_factory.mktemp('w32')
    overrides = {from_official(k): torch.from_numpy(v) for k, v in reference.overrides().items()}
    torch.save(dict(state_dict=official_state('w32_coco') | overrides), folder / 'w32.pth')
    graph, metadata = load_graph(config_of('w32_coco'), str(folder / 'w32.pth'))
    export_onnx(export_program(graph), folder / 'w32.onnx', metadata)
    return graph, check.open_session(folder / 'w32.onnx')


def test_poses_are_the_reference(programs, reference):
    image = np.ascontiguousarray(reference.array('in/resized_s0')[None, ..., ::-1])  # RGB there
    content = np.array([valid_box(stages.sample_meta(reference))], dtype=np.float32)
    poses = programs[1].run(None, dict(image=image, content=content))
    compare(Poses(*map(torch.from_numpy, poses)), reference)


@pytest.mark.parametrize('kind', ['photographs', 'drawn'])
def test_poses_are_the_eager_models(programs, kind):
    if kind == 'drawn':
        images = check.synthetic_images(4)
    else:
        images = check.read_images(sorted(Path(SHARED).glob('data/coco_sample/images/*.jpg'))[:4])
    if len(images) < 4:
        pytest.skip(f'fewer than four photographs in {SHARED}/data/coco_sample/images')
    compared = 0
    for side in (128, 192, 320):
        for batch in (1, 4):
            found = exported.agreement(*programs, images[:batch], side, may_tie=True)
            assert found.same, (side, batch, found)
            compared += found.joints
    assert compared > 2000
