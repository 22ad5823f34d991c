"""MoveNet is fine-tuned and tested by its configs through MMPose's own runner."""

from __future__ import annotations

import logging

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from centergroup_mm.synthetic import write_dataset

from ..helpers.movenet import ROOT, build_movenet


@pytest.mark.skipif(not hasattr(torch.optim, 'Adafactor'), reason='Adafactor needs torch 2.5')
def test_two_steps_and_an_evaluation(tmp_path):
    write_dataset(
        tmp_path / 'data', preset='demo', num=4, seed=0, size=(128, 96), fmt='coco', progress=False
    )
    torch.save(dict(state_dict=build_movenet().state_dict()), tmp_path / 'start.pth')
    cfg = Config.fromfile(ROOT / 'configs' / 'movenet_finetune_coco.py', format_python_code=False)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root='', ann_file=str(tmp_path / 'data/person_keypoints.json'))
        loader.dataset.data_prefix.img = str(tmp_path / 'data/images')
    cfg.val_evaluator.ann_file = cfg.train_dataloader.dataset.ann_file
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    for step in cfg.train_dataloader.dataset.pipeline:
        if 'input_size' in step:
            step.input_size = (64, 64)
        if 'encoder' in step:
            step.encoder.input_size = (64, 64)
    cfg.val_dataloader.dataset.pipeline[1].long_side = 64
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.load_from = str(tmp_path / 'start.pth')
    cfg.work_dir, cfg.experiment_name = str(tmp_path / 'run'), tmp_path.name
    cfg.log_level = logging.WARNING

    runner = Runner.from_cfg(cfg)
    runner.train()
    before = torch.load(tmp_path / 'start.pth', weights_only=True)['state_dict']
    after = runner.model.state_dict()
    changed = {name.split('.')[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {'backbone', 'neck', 'head'}
    scalars = runner.message_hub.log_scalars
    kinds = ('heatmap', 'center', 'offset', 'regress', 'box')
    for kind in kinds:
        values = scalars[f'train/loss_{kind}'].data[0]
        assert len(values) == 2 and all(0 <= value < 1e6 for value in values), kind
    assert 'val/coco/AP' in scalars
