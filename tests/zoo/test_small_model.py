"""The trained model that is kept in the repository."""

from __future__ import annotations

import json

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner

import centergroup_mm  # noqa: F401
from centergroup_mm.synthetic import write_dataset

from ..conftest import ROOT

CONFIG = ROOT / 'configs' / 'centergroup_small_synthetic.py'
WEIGHTS = ROOT / 'centergroup_mm' / 'zoo' / 'centergroup_small_synthetic.pth'


def test_weights_are_small_complete_and_finite():
    assert WEIGHTS.stat().st_size <= 8e6
    from mmpose.apis import init_model

    content = torch.load(WEIGHTS, weights_only=True)
    model = init_model(str(CONFIG), None, device='cpu')
    model.load_state_dict(content['state_dict'], strict=True)
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_it_has_learned(tmp_path):
    """Stock runner and metric on scenes of another seed than all training and validation."""
    data = tmp_path / 'scenes'
    write_dataset(data, 'full', 24, 77, (256, 256), progress=False)
    cfg = Config.fromfile(CONFIG)
    ann_file = str(data / 'person_keypoints.json')
    cfg.test_dataloader.dataset.update(
        data_root='', ann_file=ann_file, data_prefix=dict(img=str(data / 'images'))
    )
    cfg.test_evaluator.ann_file = ann_file
    cfg.update(work_dir=str(tmp_path / 'run'), load_from=str(WEIGHTS), log_level='WARNING')
    cfg.experiment_name = tmp_path.name
    metrics = Runner.from_cfg(cfg).test()
    assert metrics['coco/AP'] > 0.4
    assert metrics['coco/AP .5'] > 0.7


def test_real_photographs_through_the_inferencer(shared_dir, tmp_path):
    from mmpose.apis import MMPoseInferencer

    images = sorted((shared_dir / 'data' / 'coco_sample' / 'images').glob('*.jpg'))[:3]
    inferencer = MMPoseInferencer(pose2d=str(CONFIG), pose2d_weights=str(WEIGHTS), device='cpu')
    results = inferencer([str(path) for path in images], out_dir=str(tmp_path))
    for path, result in zip(images, results, strict=True):
        assert (tmp_path / 'visualizations' / path.name).stat().st_size > 1000
        height, width = cv2.imread(str(path)).shape[:2]
        for person in result['predictions'][0]:
            points = np.array(person['keypoints'])
            assert points.shape == (17, 2) and np.isfinite(points).all()
            assert (points > -64).all() and (points < [width + 64, height + 64]).all()
        written = json.loads((tmp_path / 'predictions' / f'{path.stem}.json').read_text())
        assert len(written) == len(result['predictions'][0])
