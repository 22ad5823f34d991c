"""Every family of configs through MMPose's own runner, metric and inferencer."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

import centergroup_mm  # noqa: F401
from centergroup_mm.synthetic import write_dataset

CONFIGS = Path(__file__).parents[2] / 'configs'


def tiny(name: str, data: Path, work_dir: Path) -> Config:
    """A released config with a narrow backbone, a small input and synthetic crowds."""
    # a runner prints its config with each checkpoint, and formatting that takes half a second
    cfg = Config.fromfile(CONFIGS / f'{name}.py', format_python_code=False)
    crowd = name.endswith('crowdpose')
    size = (64, 64)
    extra = cfg.model.backbone.extra
    for stage in range(1, 5):
        stage_cfg = extra[f'stage{stage}']
        stage_cfg.num_modules = 1
        stage_cfg.num_blocks = (1,) * stage_cfg.num_branches
        stage_cfg.num_channels = tuple(8 * 2**i for i in range(stage_cfg.num_branches))
    cfg.model.backbone.init_cfg = None
    head = cfg.model.head
    head.get('detector', head).update(in_channels=8, num_blocks=1)
    if 'neck' in head:
        head.neck.update(in_channels=8, channels=32, num_blocks=1, hidden=32)
        head.grouping.update(channels=32, head_channels=8, mlp_channels=32)
    head.decoder.input_size = size
    cfg.load_from = None
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
def test_detector(name, data, tmp_path):
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


@pytest.mark.parametrize('name', ['centergroup_w32_coco', 'centergroup_w48_crowdpose'])
def test_centergroup(name, data, tmp_path):
    cfg = tiny(name, data, tmp_path / name)
    cfg.optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
    runner = Runner.from_cfg(cfg)
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}
    runner.train()
    after = runner.model.state_dict()
    frozen = [k for k in before if k.endswith('running_mean') and not k.startswith('head.neck')]
    assert frozen and all(torch.equal(before[key], after[key]) for key in frozen)
    part = 'head.neck.type_embed.weight'
    assert not torch.equal(before[part], after[part])
    scalars = runner.message_hub.log_scalars
    kinds = ('heatmap', 'center', 'visibility', 'location')
    assert {f'train/loss_{kind}' for kind in kinds} <= set(scalars)
    assert f'val/{"crowdpose" if name.endswith("crowdpose") else "coco"}/AP' in scalars
    checkpoint = torch.load(tmp_path / name / 'iter_2.pth', weights_only=True)
    assert set(checkpoint['state_dict']) == set(after)


@pytest.mark.parametrize('name', ['w32_coco', 'w16_coco_overfit'])
def test_stage_one_checkpoint_fills_the_detector(name, data, tmp_path):
    stage1 = Runner.from_cfg(tiny(f'higherhrnet_center_{name}', data, tmp_path / 'one'))
    stage1.train()
    cfg = tiny(f'centergroup_{name}', data, tmp_path / 'two')
    cfg.load_from = str(tmp_path / 'one' / 'iter_2.pth')
    cfg.optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
    runner = Runner.from_cfg(cfg)
    runner.load_or_resume()
    trained, ours = stage1.model.state_dict(), runner.model.state_dict()
    for key, value in trained.items():
        place = key.replace('head.', 'head.detector.', 1) if key.startswith('head.') else key
        assert torch.equal(ours[place], value), key


def test_inferencer(data, tmp_path):
    from mmpose.apis import MMPoseInferencer

    cfg = tiny('centergroup_w32_coco', data, tmp_path / 'run')
    cfg.optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
    Runner.from_cfg(cfg).train()
    cfg.dump(tmp_path / 'config.py')
    inferencer = MMPoseInferencer(
        pose2d=str(tmp_path / 'config.py'),
        pose2d_weights=str(tmp_path / 'run' / 'iter_2.pth'),
        device='cpu',
    )
    image = str(data / 'images' / '000000.jpg')
    (result,) = inferencer(image, out_dir=str(tmp_path / 'out'), bbox_thr=0.0)
    assert (tmp_path / 'out' / 'visualizations' / '000000.jpg').is_file()
    assert (tmp_path / 'out' / 'predictions' / '000000.json').is_file()
    assert all(len(person['keypoints']) == 17 for person in result['predictions'][0])
