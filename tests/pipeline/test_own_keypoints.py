"""``centergroup data init`` makes configs that train, for any number of keypoints."""

from __future__ import annotations

import json
import logging
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from centergroup_lite.data import main
from centergroup_mm.checkpoints.load import check_fit
from centergroup_mm.utils.checks import check_data, load_config
from centergroup_mm.utils.skeleton import read_metainfo

from ..helpers.skeletons import FOURTEEN, write_dataset

HAND = [f'{finger}_{part}' for finger in ('thumb', 'fore', 'middle', 'ring') for part in range(5)]
NAMES = {
    4: ('nose', 'left_wrist', 'RWrist', 'tail'),
    14: FOURTEEN,
    21: ('wrist', *HAND),
    26: (*FOURTEEN, *HAND[:12]),
}


def make(tmp_path, monkeypatch, number: int) -> Config:
    """Make a config from annotations with some flaws, and load it."""
    annotations = write_dataset(tmp_path / 'data', NAMES[number])
    content = json.loads(annotations.read_text())
    content['categories'][0].update(id=7, skeleton=[[1, 2]])
    for entry in content['annotations']:
        entry['category_id'] = 7
        entry.pop('area')
    content['annotations'] = content['annotations'][:-2]  # nobody in the last image
    annotations.write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)  # paths in configs stay short: mmengine formats long ones slowly
    call = ('init', 'data/people.json', '--images', 'data/images')
    monkeypatch.setattr(sys, 'argv', ['centergroup data', *call])
    main()
    return load_config('my_data.py')


def make_small(cfg: Config) -> None:
    """Two steps with two images of 64 x 64 pixels, and an evaluation."""
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    for step in cfg.train_dataloader.dataset.pipeline:
        if 'input_size' in step:
            step.input_size = (64, 64)
        if 'encoder' in step:
            step.encoder.input_size = (64, 64)
    cfg.val_dataloader.dataset.pipeline[1].long_side = 64
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    cfg.work_dir = 'run'
    cfg.log_level = logging.WARNING


@pytest.mark.parametrize('number', list(NAMES))
def test_the_config_and_the_weights_have_the_keypoints_of_the_annotations(
    tmp_path, monkeypatch, capsys, number
):
    cfg = make(tmp_path, monkeypatch, number)
    assert 'area missing, taken from the box (6)' in capsys.readouterr().out
    check_data(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))
    assert list(read_metainfo(cfg.model.head.metainfo).names) == list(NAMES[number])
    weights = torch.load(cfg.load_from, weights_only=True)['state_dict']
    assert weights['head.detector.branches.kpt_heatmap.1.bias'].shape == (number,)


@pytest.mark.skipif(not hasattr(torch.optim, 'Adafactor'), reason='Adafactor needs torch 2.5')
@pytest.mark.parametrize('number', [4, 26])
def test_two_steps_and_an_evaluation(tmp_path, monkeypatch, number):
    cfg = make(tmp_path, monkeypatch, number)
    make_small(cfg)
    cfg.experiment_name = f'own_{number}'
    runner = Runner.from_cfg(cfg)
    check_fit(runner, cfg.load_from, every=True)  # nothing of the model starts at random
    runner.train()

    before = torch.load(cfg.load_from, weights_only=True)['state_dict']
    after = runner.model.state_dict()
    changed = {name.split('.')[1] for name in before if not torch.equal(before[name], after[name])}
    assert {'detector', 'grouping'} <= changed
    scalars = runner.message_hub.log_scalars
    losses = [name for name in scalars if name.startswith('train/loss')]
    assert len(losses) > 8
    assert all(torch.isfinite(torch.tensor(scalars[name].data[0])).all() for name in losses)
    assert scalars['val/coco/AP'].data[0][-1] >= 0
