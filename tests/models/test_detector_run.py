"""The detector through MMPose's own runner: two iterations and an evaluation."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

import centergroup_mm  # noqa: F401
from centergroup_mm.datasets.synthetic import write_dataset

CONFIGS = Path(__file__).parents[2] / 'configs'


def tiny(name: str, data: Path, work_dir: Path) -> Config:
    """A released config with a narrow backbone, a small input and synthetic crowds."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    crowd = name.endswith('crowdpose')
    size = (64, 64)
    extra = cfg.model.backbone.extra
    for stage in range(1, 5):
        stage_cfg = extra[f'stage{stage}']
        stage_cfg.num_modules = 1
        stage_cfg.num_blocks = (1,) * stage_cfg.num_branches
        stage_cfg.num_channels = tuple(8 * 2**i for i in range(stage_cfg.num_branches))
    cfg.model.backbone.init_cfg = None
    cfg.model.head.update(in_channels=8, num_blocks=1)
    cfg.model.head.decoder.input_size = size
    for step in cfg.train_dataloader.dataset.pipeline:
        if 'input_size' in step:
            step.input_size = size
        if 'encoder' in step:
            step.encoder.input_size = size
    cfg.val_dataloader.dataset.pipeline[1].input_size = size
    ann_file = str(data / ('crowdpose.json' if crowd else 'person_keypoints.json'))
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root='', ann_file=ann_file)
        loader.dataset.data_prefix = dict(img=str(data / 'images'))
        loader.dataset.indices = 4
    cfg.val_evaluator.ann_file = ann_file
    cfg.test_dataloader, cfg.test_evaluator = cfg.val_dataloader, cfg.val_evaluator
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
    cfg.param_scheduler = None
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=2)
    cfg.log_processor.by_epoch = False
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = work_dir.name
    cfg.log_level = logging.WARNING
    return cfg


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('scenes')
    write_dataset(folder, preset='demo', num=4, seed=0, size=(128, 96), fmt='both', progress=False)
    return folder


@pytest.mark.parametrize('name', ['higherhrnet_center_w32_coco', 'higherhrnet_w32_crowdpose'])
def test_train_and_evaluate(name, data, tmp_path):
    runner = Runner.from_cfg(tiny(name, data, tmp_path / name))
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}
    runner.train()
    assert any(
        not torch.equal(value, before[key]) for key, value in runner.model.state_dict().items()
    )
    scalars = runner.message_hub.log_scalars
    assert {f'train/loss_{kind}' for kind in ('heatmap', 'pull', 'push')} <= set(scalars)
    key = 'crowdpose/AP' if name.endswith('crowdpose') else 'coco/AP'
    assert f'val/{key}' in scalars
