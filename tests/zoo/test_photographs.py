"""The photograph model of the package: people where there are some, and nobody elsewhere."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from matplotlib import cbook

import centergroup_mm  # noqa: F401
from centergroup_mm import zoo
from centergroup_mm.inference import load_model
from centergroup_mm.utils.errors import UserError

from ..conftest import ROOT
from ..helpers.tools import run_tool

CONFIG = ROOT / 'configs' / f'{zoo.PHOTOGRAPHS}.py'
#: the least score of a pose that MMPose's inferencer and tools/demo.py show
THRESHOLD = 0.3


@pytest.fixture(scope='module')
def model() -> torch.nn.Module:
    return load_model(device='cpu')


def scores(model: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    """Scores of the poses in an image, best first."""
    from mmpose.apis import inference_bottomup

    return np.sort(inference_bottomup(model, image)[0].pred_instances.bbox_scores)[::-1]


def portrait() -> np.ndarray:
    """Rear Admiral Grace Hopper, in the public domain, [600 x 512 x 3] BGR."""
    with cbook.get_sample_data('grace_hopper.jpg') as file:
        return cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)


def nobody() -> dict[str, np.ndarray]:
    """Images without people, [384 x 512 x 3] uint8 each."""
    height, width = 384, 512
    random = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    text = np.full((height, width, 3), 255, np.uint8)
    for row in range(20, height, 24):
        cv2.putText(text, 'a page of words', (8, row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    grays = {
        'black': np.zeros((height, width)),
        'gray': np.full((height, width), 127),
        'white': np.full((height, width), 255),
        'gradient': x * 255 / width,
        'gradient down': y * 255 / height,
        'stripes': (x // 8 % 2) * 255,
        'wide stripes': (y // 40 % 2) * 255,
        'checkerboard': ((x // 32 + y // 32) % 2) * 255,
    }
    images = {
        name: np.repeat(gray[..., None], 3, 2).astype(np.uint8) for name, gray in grays.items()
    }
    noise = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    coarse = random.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    blocks = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    return images | {'noise': noise, 'smooth noise': smooth, 'blocks': blocks, 'text': text}


def test_the_weights_are_small_complete_and_what_their_name_says(model):
    path = zoo.weights_of(zoo.PHOTOGRAPHS)
    assert path.stat().st_size < 25e6
    assert hashlib.sha256(path.read_bytes()).hexdigest()[:8] in path.name
    assert all(torch.isfinite(p).all() for p in model.state_dict().values())
    assert path.with_name(f'{zoo.PHOTOGRAPHS}.md').is_file(), 'the model has no card'


def test_a_damaged_file_is_named(tmp_path, monkeypatch):
    path = zoo.weights_of(zoo.PHOTOGRAPHS)
    (tmp_path / path.name).write_bytes(path.read_bytes()[:-1])
    monkeypatch.setattr(zoo, 'FOLDER', tmp_path)
    with pytest.raises(UserError, match='damaged'):
        zoo.weights_of(zoo.PHOTOGRAPHS)
    with pytest.raises(UserError, match='no weights of other'):
        zoo.weights_of('other')


def test_one_person_in_a_portrait(model):
    found = scores(model, portrait())
    assert (found >= THRESHOLD).sum() == 1


@pytest.mark.parametrize('name', nobody())
def test_nobody_where_nobody_is(model, name):
    found = scores(model, nobody()[name])
    assert (found >= THRESHOLD).sum() == 0, f'best score {found[0]:.2f}'


@pytest.mark.parametrize(
    'name',
    ['brick', 'chelsea', 'coffee', 'coins', 'grass', 'gravel', 'moon', 'page', 'text'],
)
def test_nobody_in_photographs_without_people(model, name):
    data = pytest.importorskip('skimage.data', reason='scikit-image is not installed')
    gray = getattr(data, name)()
    image = gray if gray.ndim == 3 else np.repeat(gray[..., None], 3, 2)
    found = scores(model, np.ascontiguousarray(image[..., ::-1]))
    assert (found >= THRESHOLD).sum() == 0, f'best score {found[0]:.2f}'


@pytest.mark.parametrize('name', ['china.jpg', 'flower.jpg'])
def test_nobody_in_sklearns_photographs(model, name):
    datasets = pytest.importorskip('sklearn.datasets', reason='scikit-learn is not installed')
    image = np.ascontiguousarray(datasets.load_sample_image(name)[..., ::-1])
    found = scores(model, image)
    assert (found >= THRESHOLD).sum() == 0, f'best score {found[0]:.2f}'


def test_the_inferencer_finds_the_same_person(tmp_path):
    from mmpose.apis import MMPoseInferencer

    cv2.imwrite(str(tmp_path / 'portrait.png'), portrait())
    inferencer = MMPoseInferencer(
        pose2d=str(CONFIG), pose2d_weights=str(zoo.weights_of(zoo.PHOTOGRAPHS)), device='cpu'
    )
    (result,) = inferencer(str(tmp_path / 'portrait.png'), out_dir=str(tmp_path / 'out'))
    (person,) = result['predictions'][0]
    nose = np.array(person['keypoints'])[0]
    assert np.abs(nose - (267, 240)).max() < 40
    assert (tmp_path / 'out' / 'visualizations' / 'portrait.png').stat().st_size > 1000


def test_the_demo_needs_no_config_and_replaces_nothing_unasked(tmp_path):
    cv2.imwrite(str(tmp_path / 'portrait.png'), portrait())
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    done = run_tool('tools/demo.py', 'portrait.png', 'broken.jpg', cwd=tmp_path)
    assert 'portrait_poses.jpg: 1 person' in done.out
    assert done.status == 2 and 'broken.jpg is not a readable image' in done.err
    again = run_tool('tools/demo.py', 'portrait.png', cwd=tmp_path)
    assert again.status == 2 and 'exists: pass --overwrite' in again.err
    assert cv2.imread(str(tmp_path / 'portrait_poses.jpg')).shape == (600, 512, 3)


@pytest.mark.slow
def test_one_file_finds_what_the_model_finds(model, tmp_path):
    """Exported with the grouping inside, and run without PyTorch at two sizes."""
    from mmpose.apis import inference_bottomup

    from centergroup_mm.deploy.export import CAN_WRITE_ONNX, export_onnx, export_program
    from centergroup_mm.deploy.load import load_graph
    from centergroup_mm.utils.checks import load_config

    if not CAN_WRITE_ONNX:
        pytest.skip('this torch cannot write ONNX files')
    graph, metadata = load_graph(load_config(str(CONFIG)), str(zoo.weights_of(zoo.PHOTOGRAPHS)))
    path = tmp_path / 'photographs.onnx'
    export_onnx(export_program(graph), str(path), metadata)
    images = {'tall': portrait(), 'wide': np.tile(portrait(), (1, 2, 1))}
    for name, image in images.items():
        cv2.imwrite(str(tmp_path / f'{name}.png'), image)
        command = [sys.executable, str(ROOT / 'tools' / 'run_onnx.py'), str(path)]
        command += [str(tmp_path / f'{name}.png'), '--out', str(tmp_path / 'out')]
        subprocess.run(command, check=True, capture_output=True)
        poses = json.loads((tmp_path / 'out' / f'{name}.json').read_text())['poses']
        found = inference_bottomup(model, image)[0].pred_instances
        order = [i for i in found.bbox_scores.argsort()[::-1] if found.bbox_scores[i] >= THRESHOLD]
        assert len(poses) == len(order) >= 1
        for pose, i in zip(poses, order, strict=True):
            assert pose['score'] == pytest.approx(found.bbox_scores[i], abs=1e-3)
            points = np.array(pose['keypoints'])[:, :2]
            np.testing.assert_allclose(points, found.keypoints[i], atol=0.05)
