"""The exported graph against the eager model, and the eager graph against ``predict``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.structures import PoseDataSample

from centergroup_mm.datasets.transforms.resize import CenterGroupResize
from centergroup_mm.deploy import InferenceGraph, check, export
from centergroup_mm.deploy.export import METADATA_KEY, check_export, export_onnx
from centergroup_mm.deploy.load import describe, load_graph
from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.valid_mask import masks_of_boxes, valid_box, valid_mask

from ..helpers import exported

onnx = pytest.importorskip('onnx', reason='pip install onnx onnxscript onnxruntime')
pytest.importorskip('onnxscript', reason='pip install onnx onnxscript onnxruntime')
pytest.importorskip('onnxruntime', reason='pip install onnx onnxscript onnxruntime')

pytestmark = exported.needs_onnx

SIDES = (96, 128, 192)


def resized(size: tuple[int, int], side: int) -> dict:
    """What the test pipeline says of a blank image of this size, (w, h)."""
    image = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    return CenterGroupResize(side).transform(dict(img=image, ori_shape=size[::-1]))


@pytest.fixture(scope='module')
def session():
    """An open session of the exported model."""
    return check.open_session(exported.onnx_file(), threads=1)


@pytest.fixture
def photographs(shared_dir: Path) -> list[np.ndarray]:
    """Four photographs of different shapes."""
    paths = sorted((shared_dir / 'data/coco_sample/images').glob('*.jpg'))[:4]
    if len(paths) < 4:
        pytest.skip(f'fewer than four photographs in {shared_dir}/data/coco_sample/images')
    return check.read_images(paths)


def test_masks_of_the_box_are_opencvs():
    rng = np.random.default_rng(0)
    for size in rng.integers(60, 700, (150, 2)).tolist():
        if max(size) > 3 * min(size):
            continue
        meta = resized(tuple(size), int(rng.choice([128, 192, 512])))
        shape = meta['img_shape']
        ours = masks_of_boxes(torch.tensor([valid_box(meta)]), shape)
        for mask, stride in zip(ours, (4, 1), strict=True):
            theirs = valid_mask([meta], shape, stride, 'cpu')
            for axis in (1, 2):
                assert torch.equal(mask.amax(axis), theirs.amax(axis)), (size, stride)
            # what the warp cuts off lies where the image covers row and column only partly
            _, rows, columns = (mask != theirs).nonzero().T.tolist()
            scale = meta['input_size'][0] / meta['input_scale'][0]
            x, y = (
                (np.array(cells) * stride - side / 2) / scale + center
                for cells, side, center in zip(
                    (columns, rows), meta['input_size'], meta['input_center'], strict=True
                )
            )
            assert ((x < 0) | (x > size[0] - 1)).all() and ((y < 0) | (y > size[1] - 1)).all()


def test_masks_are_exact_where_no_pixel_is_partly_covered():
    for size, side in (((128, 128), 128), ((300, 192), 96), ((640, 448), 448), ((400, 256), 128)):
        meta = resized(size, side)
        ours = masks_of_boxes(torch.tensor([valid_box(meta)]), meta['img_shape'])
        for mask, stride in zip(ours, (4, 1), strict=True):
            theirs = valid_mask([meta], meta['img_shape'], stride, 'cpu')
            different = int((mask != theirs).sum())
            assert different == 0, (size, side, stride, different)


def test_eager_graph_is_what_the_estimator_predicts():
    graph = exported.graph(exported.short_config())
    # one size of the input, and no pixel that is only partly covered, see masks_of_boxes
    widths = (320, 300, 270)
    scenes = check.synthetic_images(len(widths))
    images = [scene[:, :width] for scene, width in zip(scenes, widths, strict=True)]
    image, content = check.prepare(images, 128)
    poses = graph(torch.from_numpy(image), torch.from_numpy(content))
    metas = [resized(image.shape[1::-1], 128) for image in images]
    samples = []
    for meta in metas:
        sample = PoseDataSample()
        keys = ('ori_shape', 'img_shape', 'input_size', 'input_center', 'input_scale')
        sample.set_metainfo({key: meta[key] for key in keys})
        sample.set_metainfo(dict(flip_indices=graph.flip_indices.tolist()))
        samples.append(sample)
    inputs = [torch.from_numpy(canvas).permute(2, 0, 1) for canvas in image]
    data = graph.model.data_preprocessor(dict(inputs=inputs, data_samples=samples))
    with torch.no_grad():
        results = graph.model.predict(data['inputs'], data['data_samples'])
    for index, (result, meta) in enumerate(zip(results, metas, strict=True)):
        theirs, kept = result.pred_instances, poses.valid[index]
        assert len(theirs.keypoints) == int(kept.sum()) > 0
        points = poses.keypoints[index][kept].double().numpy()
        size, scale = np.array(meta['input_size']), meta['input_scale']
        points = points / size * scale + meta['input_center'] - scale / 2
        np.testing.assert_allclose(points, theirs.keypoints, atol=1e-3)
        scores = poses.keypoint_scores[index][kept]
        np.testing.assert_allclose(scores, theirs.keypoint_scores, atol=1e-5)
        np.testing.assert_allclose(poses.scores[index][kept], theirs.bbox_scores, atol=1e-5)


@pytest.mark.parametrize('batch', [1, 4])
@pytest.mark.parametrize('side', SIDES)
def test_same_people_on_synthetic_scenes(session, side, batch):
    found = exported.agreement(
        exported.graph(exported.short_config()), session, check.synthetic_images(batch), side
    )
    assert found.same and found.joints > 0, found
    assert found.visibility < 1e-4 and found.score < 1e-4, found


@pytest.mark.parametrize('batch', [1, 4])
@pytest.mark.parametrize('side', SIDES)
def test_same_people_on_photographs(session, photographs, side, batch):
    found = exported.agreement(
        exported.graph(exported.short_config()), session, photographs[:batch], side
    )
    assert found.same and found.joints > 0, found
    assert found.visibility < 1e-4 and found.score < 1e-4, found


def test_equal_peaks_are_taken_in_the_same_order(tmp_path):
    """Heatmaps that are the same everywhere: each pixel is a peak, and all are equal."""
    model = onnx.load(exported.onnx_file())
    graph = load_graph(
        Config.fromfile(exported.short_config()), str(exported.checkpoint(exported.short_config()))
    )[0]
    flattened = 0
    for tensor in model.graph.initializer:
        if 'final_layers' in tensor.name and tensor.name.endswith('weight'):
            zeros = np.zeros(tuple(tensor.dims), dtype=np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(zeros, tensor.name))
            flattened += 1
    assert flattened == 2
    for layer in graph.model.head.detector.final_layers:
        torch.nn.init.zeros_(layer.weight)  # what is left is the bias
    onnx.save(model, tmp_path / 'flat.onnx')
    image, content = check.prepare(check.synthetic_images(1), 128)
    content[:] = [70, 40, 150, 100]
    eager = check.eager_runner(graph)
    onnxed = check.session_runner(check.open_session(tmp_path / 'flat.onnx'))
    ours, theirs = eager(image, content), onnxed(image, content)
    assert check.tied_peaks(graph, image, content).all()
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)
    joints = ours[0][ours[3]]
    assert len(joints) and joints[..., 1].max() < 41  # the first pixels of the first row
    assert joints[..., 0].min() > 70 - 1 and joints[..., 0].max() < 70 + 12 + 1


def test_comparison_sees_what_differs():
    points = np.random.default_rng(0).uniform(0, 100, (1, 4, 17, 2))
    base = [points, np.ones((1, 4, 17)), np.ones((1, 4)), np.array([[True, True, True, False]])]
    order = [2, 0, 1, 3]
    assert check.compare(base, [field[:, order] for field in base]).same
    moved = [points + 0.0, *base[1:]]
    moved[0][0, 1, 5] += 0.2
    assert check.compare(base, moved).moved == 1
    fewer = [*base[:3], np.array([[True, True, False, False]])]
    assert check.compare(base, fewer).people == [(3, 2)]
    assert not check.compare(base, fewer).same


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split('.')[:2])) < (2, 13),
    reason='graphs of this torch embed whole maps',
)
def test_keypoints_are_embedded_where_they_are():
    nodes = onnx.load(exported.onnx_file()).graph.node
    listed = [node.output[0] for node in nodes if node.op_type == 'NonZero']
    assert len(listed) == 5  # the inputs of four convolutions, and the outputs of the last
    found = exported.agreement(
        exported.graph(exported.short_config()),
        check.open_session(exported.onnx_file()),
        [np.zeros((96, 192, 3), np.uint8)],  # few peaks, and the others fill their slots
        96,
        may_tie=True,
    )
    assert found.visibility < 1e-4 and found.score < 1e-4, found


def test_file_is_self_contained():
    path = exported.onnx_file()
    assert [other.name for other in path.parent.glob('short.onnx*')] == ['short.onnx']
    model = onnx.load(path)
    assert {node.domain for node in model.graph.node} == {''} and not model.functions
    assert [(entry.domain, entry.version >= 18) for entry in model.opset_import] == [('', True)]
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == dict(
        image=['batch', 'height', 'width', 3],
        content=['batch', 4],
        keypoints=['batch', 12, 17, 2],
        keypoint_scores=['batch', 12, 17],
        scores=['batch', 12],
        valid=['batch', 12],
    )
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    info = json.loads(metadata[METADATA_KEY])
    assert info == describe(Config.fromfile(exported.short_config()))
    assert info['short_side'] == 192 and len(info['joints']) == 17 and [15, 13] in info['skeleton']


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / 'there.onnx'
    path.write_text('mine')
    with pytest.raises(UserError, match='exists: choose another name or pass --overwrite'):
        export_onnx(None, path, {})  # before anything is looked at
    assert path.read_text() == 'mine'
    with pytest.raises(UserError, match='is a folder'):
        check_export(tmp_path, overwrite=True)


def test_torch_that_cannot_write_onnx_is_named_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(export, 'CAN_WRITE_ONNX', False)
    with pytest.raises(UserError, match='ONNX needs torch'):
        check_export(tmp_path / 'new.onnx', overwrite=False)


def test_models_that_make_no_graph_are_named():
    graph = exported.graph(exported.short_config())
    model, flip = graph.model, graph.flip_indices.tolist()
    with pytest.raises(ValueError, match='precision must be one of'):
        InferenceGraph(model, flip, 'int8')
    with pytest.raises(ValueError, match='needs flip_indices'):
        InferenceGraph(model)
    with pytest.raises(ValueError, match='only a model with a CenterGroupHead'):
        InferenceGraph(model.backbone, flip)
    model.test_cfg['multiscale_test'] = True
    with pytest.raises(ValueError, match='one scale'):
        InferenceGraph(model, flip)
