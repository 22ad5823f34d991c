"""Every config of the study builds, learns one step and predicts; a study can go on."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from crowd_study.rows import PROJECT, ROWS
from crowd_study.training import resize
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS
from study_common.precision import Matches, save_matches

from centergroup_mm.synthetic import write_dataset

SIDE = 96


@pytest.fixture(scope='module')
def scenes(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('crowds')
    write_dataset(folder, 'demo', 2, 3, (SIDE, SIDE), progress=False)
    return folder


def small(name: str, scenes: Path) -> Config:
    """The config of a row for two scenes of 96 pixels."""
    cfg = Config.fromfile(ROWS[name].config, format_python_code=False)  # which takes long

    resize(cfg.model, SIDE)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        resize(loader, SIDE)
        loader.dataset.update(
            data_root='', ann_file=str(scenes / 'person_keypoints.json'),
            data_prefix=dict(img=str(scenes / 'images')),
        )  # fmt: skip
    return cfg


@pytest.mark.parametrize('name', list(ROWS))
def test_a_row_learns_one_step_and_predicts(name, scenes):
    init_default_scope('mmpose')
    torch.manual_seed(0)
    np.random.seed(0)
    cfg = small(name, scenes)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    batch = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), True)
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    total, losses = model.parse_losses(model.loss(**batch))
    total.backward()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    optimizer.step()
    assert len(losses) > 1 and torch.isfinite(total) and total > 0
    moved = [key for key, value in model.named_parameters() if not torch.equal(value, before[key])]
    assert any(key.startswith('backbone') for key in moved)
    assert any(key.startswith('head') for key in moved)

    model.eval()
    sample = DATASETS.build(cfg.test_dataloader.dataset)[0]
    with torch.no_grad():
        found = model.test_step(pseudo_collate([sample]))[0].pred_instances
    assert found.keypoints.shape[1:] == (17, 2) and np.isfinite(found.keypoints).all()


def test_backbones_differ_in_backbone_and_neck_alone():
    reference = Config.fromfile(ROWS['hrnet'].config, format_python_code=False)
    for row in ROWS.values():
        if row.studies != ('backbones',):
            continue
        cfg = Config.fromfile(row.config, format_python_code=False)
        for key, value in reference.model.items():
            assert key == 'backbone' or cfg.model[key] == value, (row.name, key)
        for key in ('train_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg'):
            assert cfg[key] == reference[key], (row.name, key)


def test_methods_share_backbone_data_and_schedule():
    reference = Config.fromfile(ROWS['hrnet'].config, format_python_code=False)
    for row in ROWS.values():
        if 'methods' not in row.studies:
            continue
        cfg = Config.fromfile(row.config, format_python_code=False)
        for key in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
            assert cfg[key] == reference[key], (row.name, key)
        assert cfg.train_dataloader.batch_size == reference.train_dataloader.batch_size
        stage = cfg.model.backbone.extra.stage4
        stage.pop('multiscale_output', None)
        assert cfg.model.backbone == reference.model.backbone, row.name


def test_a_finished_row_is_not_run_again(tmp_path):
    """The command finds its results; it refuses to mix lengths of training."""
    out = tmp_path / 'out'
    (out / 'results').mkdir(parents=True)
    run = dict(iterations=5, batch_size=2, side=256)
    (out / 'results' / 'cid_seed0.json').write_text(json.dumps(dict(run=run)))
    command = [sys.executable, str(PROJECT / 'run.py'), '--rows', 'cid', '--seeds', '0']
    command += ['--batch-size', '2', '--out', str(out), '--iterations', '6']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr.strip().endswith('--iterations 5: give the same, or another --out')
        and 'Traceback' not in done.stderr
    )


def test_the_report_puts_its_table_into_a_page(tmp_path, capsys, monkeypatch):
    results = tmp_path / 'results'
    results.mkdir()
    groups = {label: dict(ap=0.4, images=2) for label in ('1-2', '3-4')}
    groups['5-6'] = dict(ap=None, images=0)
    run = dict(
        iterations=5, batch_size=2, side=128, gpu=None, processor='P', torch='2', commit='c',
        data={kind: dict(num=3, preset='demo') for kind in ('train', 'val')},
    )  # fmt: skip
    for seed, ap in ((0, 0.4), (1, 0.5)):
        result = dict(
            seed=seed, ap=ap, ap50=0.8, ap_by_people=groups, parameters=1_200_000, run=run
        )
        for name, found in (('hrnet', True), ('cid', False)):
            (results / f'{name}_seed{seed}.json').write_text(json.dumps(result))
            matched = np.full((10, 3), found)
            matches = Matches(np.arange(3), matched, np.zeros((10, 3), bool), np.ones(3, int))
            save_matches(results / f'{name}_seed{seed}.npz', matches)
    page = tmp_path / 'page.md'
    page.write_text('before\n<!-- tables: begin -->\nold\n<!-- tables: end -->\nafter\n')
    words = ['report.py', str(results), '--readme', str(page)]
    monkeypatch.setattr(sys, 'argv', words)
    runpy.run_path(str(PROJECT / 'report.py'), run_name='__main__')
    text = page.read_text()
    assert text.startswith('before\n') and text.endswith('after\n') and 'old' not in text
    line = next(line for line in text.splitlines() if line.startswith('| CID |'))
    assert '| 2 | .450 ± .071 | .800 ± .000 |' in line and '+1.000 (+1.000 to +1.000)' in line
    assert cv2.imread(str(results / 'ap.png')) is not None
    assert capsys.readouterr().out.strip() in text


@pytest.mark.slow
def test_a_study_trains_and_goes_on(tmp_path):
    out = tmp_path / 'out'
    command = [sys.executable, str(PROJECT / 'run.py'), '--rows', 'offsets', '--seeds', '0']
    command += ['--iterations', '2', '--batch-size', '2', '--num-train', '4', '--num-val', '2']
    command += ['--timed-images', '1', '--out', str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    path = out / 'results' / 'offsets_seed0.json'
    result = json.loads(path.read_text())
    assert result['run']['iterations'] == 2 and 0 <= result['ap'] <= result['ap50'] <= 1
    times = json.loads((out / 'results' / 'milliseconds.json').read_text())
    assert times['median']['offsets'] > 0
    written = path.stat().st_mtime_ns
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0 and 'offsets, seed 0' not in again.stdout
    assert path.stat().st_mtime_ns == written


@pytest.mark.slow
def test_a_study_that_is_ended_ends_its_trainings(tmp_path):
    command = [sys.executable, str(PROJECT / 'run.py'), '--rows', 'offsets', '--seeds', '0']
    command += ['--iterations', '9999', '--batch-size', '2', '--side', '64', '--num-train', '4']
    study = subprocess.Popen([*command, '--num-val', '2', '--out', str(tmp_path)])
    work, deadline = tmp_path / 'work' / 'offsets_seed0', time.monotonic() + 300
    while not list(work.glob('*/vis_data/scalars.json')):
        assert study.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    study.terminate()
    assert study.wait(120) == 143
    assert 'TrainingStopped' in (work / 'log').read_text()
    assert (work / 'last_checkpoint').is_file()
