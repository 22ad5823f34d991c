"""Testing as a user does it: several scales and OCHuman through tools/test.py and inferencer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.synthetic import write_dataset

from ..conftest import ROOT
from ..helpers.tools import run_tool
from .test_pipeline import tiny


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    """Two wide scenes and two high ones, in one data set."""
    folder = tmp_path_factory.mktemp('scenes')
    sizes = ((128, 96), (96, 128))
    parts = []
    for index, size in enumerate(sizes):
        part = folder / f'part{index}'
        write_dataset(part, preset='demo', num=2, seed=index, size=size, progress=False)
        parts.append(json.loads((part / 'person_keypoints.json').read_text()))
    (folder / 'images').mkdir()
    merged = dict(categories=parts[0]['categories'], images=[], annotations=[])
    for index, part in enumerate(parts):
        for image in part['images']:
            name = f'{index}_{image["file_name"]}'
            (folder / f'part{index}' / 'images' / image['file_name']).rename(
                folder / 'images' / name
            )
            image.update(file_name=name, id=image['id'] + 1000 * index)
        for person in part['annotations']:
            person.update(
                id=person['id'] + 1000 * index, image_id=person['image_id'] + 1000 * index
            )
        merged['images'] += part['images']
        merged['annotations'] += part['annotations']
    (folder / 'person_keypoints.json').write_text(json.dumps(merged))
    return folder


def written(name: str, data: Path, folder: Path) -> tuple[Path, Path]:
    """A config made tiny and a checkpoint with random weights for it."""
    cfg = tiny(name, data, folder / 'run')
    # A batch has both shapes.
    cfg.test_dataloader.batch_size = 3
    torch.manual_seed(0)
    init_default_scope('mmpose')
    model = MODELS.build(cfg.model)
    torch.nn.init.constant_(model.head.detector.final_layers[1].bias, 0.1)
    cfg.dump(folder / f'{name}.py')
    torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'model.pth')
    return folder / f'{name}.py', folder / 'model.pth'


@pytest.mark.parametrize('name', ['centergroup_w32_coco_ms', 'centergroup_w48_ochuman'])
def test_evaluation_with_the_tool(name, data, tmp_path):
    config, checkpoint = written(name, data, tmp_path)
    metrics = tmp_path / 'metrics.json'
    done = run_tool('tools/test.py', config, checkpoint, '--out', metrics, cwd=tmp_path)
    assert done.status == 0, done.err[-2000:]
    assert 0 <= json.loads(metrics.read_text())['coco/AP'] <= 1


def test_inferencer_with_several_scales(data, tmp_path):
    from mmpose.apis import MMPoseInferencer

    config, checkpoint = written('centergroup_w32_coco_ms', data, tmp_path)
    inferencer = MMPoseInferencer(pose2d=str(config), pose2d_weights=str(checkpoint), device='cpu')
    # A folder of images of two shapes.
    results = list(inferencer(str(data / 'images'), bbox_thr=0.0, pred_out_dir=str(tmp_path)))
    assert len(results) == 4
    for result in results:
        (people,) = result['predictions']
        assert people and all(len(person['keypoints']) == 17 for person in people)
    assert (tmp_path / '1_000000.json').is_file()


@pytest.mark.parametrize('width', ['w32', 'w48'])
def test_ochuman_evaluates_what_coco_trained(width):
    coco = Config.fromfile(ROOT / f'configs/centergroup_{width}_coco.py')
    several = Config.fromfile(ROOT / f'configs/centergroup_{width}_coco_ms.py')
    for suffix, other in (('', coco), ('_ms', several)):
        cfg = Config.fromfile(ROOT / f'configs/centergroup_{width}_ochuman{suffix}.py')
        assert cfg.model == other.model and cfg.train_dataloader == other.train_dataloader
        dataset = cfg.test_dataloader.dataset
        assert dataset.type == 'BottomupOCHumanDataset'
        assert dataset.pipeline == other.test_dataloader.dataset.pipeline
        assert dataset.data_root + dataset.ann_file == cfg.test_evaluator.ann_file
        assert 'ochuman' in cfg.test_evaluator.ann_file
