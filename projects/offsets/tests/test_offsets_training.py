"""Training and evaluation through MMPose's own pipeline, runner and metric, and from a shell."""

from __future__ import annotations

from pathlib import Path

import centergroup_offsets  # noqa: F401
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import DATASETS, MODELS

from centergroup_mm.synthetic import write_dataset
from tests.helpers.tools import run_tool

PROJECT = Path(__file__).resolve().parents[1]
ROOT = PROJECT.parents[1]
CONFIG = PROJECT / 'configs' / 'offsets_tiny_synthetic.py'
SIZE = (128, 128)


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('scenes')
    write_dataset(folder, 'demo', 8, 3, SIZE, progress=False)
    return folder


def tiny(data: Path, work_dir: Path, iterations: int) -> Config:
    """The tiny config on a few small scenes, trained and tested on the same."""
    cfg = Config.fromfile(CONFIG, format_python_code=False)  # which takes long
    cfg.model.head.decoder.input_size = SIZE
    for step in (*cfg.train_dataloader.dataset.pipeline, *cfg.val_dataloader.dataset.pipeline):
        if 'input_size' in step:
            step.input_size = SIZE
        if 'encoder' in step:
            step.encoder.input_size = SIZE
    ann_file = str(data / 'person_keypoints.json')
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.update(
            data_root='', ann_file=ann_file, data_prefix=dict(img=str(data / 'images'))
        )
    cfg.val_evaluator.ann_file = ann_file
    cfg.test_dataloader, cfg.test_evaluator = cfg.val_dataloader, cfg.val_evaluator
    cfg.train_cfg.update(max_iters=iterations, val_interval=iterations)
    cfg.param_scheduler = None
    cfg.default_hooks.checkpoint.interval = iterations
    cfg.update(work_dir=str(work_dir), experiment_name=work_dir.name, log_level='WARNING')
    return cfg


def batch_of(cfg: Config, size: int) -> tuple[torch.nn.Module, dict]:
    """The model, and a training batch as the pipeline makes it."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    np.random.seed(0)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    return model, model.data_preprocessor(pseudo_collate([dataset[i] for i in range(size)]), True)


def test_losses_fall_on_a_fixed_batch(data, tmp_path):
    model, batch = batch_of(tiny(data, tmp_path, 1), 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    history = []
    for _ in range(8):
        losses = model.loss(**batch)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        history.append({name: loss.item() for name, loss in losses.items()})
    assert set(history[0]) == {'loss_heatmap', 'loss_offset'}
    assert history[-1]['loss_heatmap'] < 0.9 * history[0]['loss_heatmap']
    assert history[-1]['loss_offset'] < 0.9 * history[0]['loss_offset']
    # At first every joint is at the center: the loss is the mean of the annotated offsets.
    labels = [sample.gt_instance_labels for sample in batch['data_samples']]
    offsets = torch.cat([lab.offsets[lab.offsets_visible > 0] for lab in labels])
    start = model.head.loss_module.loss_weight * offsets.abs().mean().item()
    assert history[0]['loss_offset'] == pytest.approx(start, rel=0.05)


@pytest.mark.parametrize('people', [True, False])
def test_every_parameter_gets_a_gradient(people, data, tmp_path):
    model, batch = batch_of(tiny(data, tmp_path, 1), 2)
    if not people:  # as an image without annotated persons is packed
        for sample in batch['data_samples']:
            sample.gt_instance_labels = sample.gt_instance_labels[:0]
            for level in sample.gt_fields.heatmaps:
                level.zero_()
    losses = model.loss(**batch)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert (losses['loss_offset'] > 0) == people
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_an_image_without_people_goes_through_the_pipeline(data, tmp_path):
    cfg = tiny(data, tmp_path, 1)
    init_default_scope('mmpose')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    raw = dataset.get_data_info(0)
    for name in ('keypoints', 'keypoints_visible', 'bbox', 'bbox_score', 'bbox_scale'):
        if name in raw:
            raw[name] = raw[name][:0]
    packed = dataset.pipeline(raw)
    labels = packed['data_samples'].gt_instance_labels
    assert labels.offsets.shape == (0, 17, 2) and labels.centers.shape == (0, 2)
    assert not any(level.any() for level in packed['data_samples'].gt_fields.heatmaps)
    model = MODELS.build(cfg.model)
    batch = model.data_preprocessor(pseudo_collate([packed, dataset[1]]), True)
    losses = model.loss(**batch)
    assert losses['loss_offset'] > 0 and torch.isfinite(losses['loss_heatmap'])


def test_runner_trains_saves_and_evaluates(data, tmp_path):
    runner = Runner.from_cfg(tiny(data, tmp_path / 'run', 2))
    runner.train()
    scalars = runner.message_hub.log_scalars
    assert {'train/loss_heatmap', 'train/loss_offset', 'val/coco/AP'} <= set(scalars)
    checkpoint = torch.load(tmp_path / 'run' / 'iter_2.pth', weights_only=True)
    assert set(checkpoint['state_dict']) == set(runner.model.state_dict())


def test_the_command_of_the_config_works_without_installing(data, tmp_path):
    """From another folder, with nothing but the repository itself on the path."""
    scenes = tmp_path / 'data' / 'synthetic'
    scenes.mkdir(parents=True)
    for name in ('demo_train', 'demo_val'):
        (scenes / name).symlink_to(data)
    options = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1', 'train_dataloader.batch_size=2']
    done = run_tool('tools/train.py', CONFIG, '--cfg-options', *options, cwd=tmp_path)
    assert done.status == 0, done.err[-2000:]
    assert 'coco/AP' in done.output
    assert (tmp_path / 'work_dirs' / 'offsets_tiny_synthetic').is_dir()


@pytest.mark.extended
def test_it_learns_a_few_scenes_by_heart(data, tmp_path):
    """Poses come out where the annotations are only if every coordinate means the same."""
    cfg = tiny(data, tmp_path / 'run', 250)
    pipeline = cfg.train_dataloader.dataset.pipeline
    cfg.train_dataloader.dataset.pipeline = [s for s in pipeline if s.type != 'RandomFlip']
    cfg.model.test_cfg.flip_test = False
    cfg.randomness = dict(seed=0)
    runner = Runner.from_cfg(cfg)
    runner.train()
    matched = runner.val_loop.run()
    runner.model.head.keypoint_thr = float('inf')
    regressed = runner.val_loop.run()
    assert matched['coco/AP'] > 0.35 and matched['coco/AP .5'] > 0.6
    # what the offsets alone say is right, and less exact than the heatmaps
    assert matched['coco/AP'] > regressed['coco/AP'] > 0.1
