"""Trains and evaluates one row with one seed, and writes what came out and what was run."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from study_common.precision import Matches, average_precision, match_images, save_matches
from study_common.record import processor_name, save_json, versions

from centergroup_mm.checkpoints.resume import prepare_resume
from centergroup_mm.utils import cli

from .rows import ROOT, ROWS, Settings

#: people with keypoints in an image, bounds included, by which AP is told apart
GROUPS = {'1-2': (1, 2), '3-4': (3, 4), '5-6': (5, 6)}


def configure(name: str, seed: int, settings: Settings) -> Config:
    """The config of a row with data, length, batch and seed of the study."""
    cfg = Config.fromfile(ROWS[name].config, format_python_code=False)  # which takes long
    for kind, loader in (('train', cfg.train_dataloader), ('val', cfg.test_dataloader)):
        loader.dataset.update(
            data_root=f'{settings.out}/data/{kind}/',
            ann_file='person_keypoints.json',
            data_prefix=dict(img='images/'),
        )
    cfg.train_dataloader.batch_size = settings.batch_size
    for part in (cfg.model, cfg.train_dataloader, cfg.test_dataloader):
        resize(part, settings.side)
    # Copying all annotations into each training sample takes half of the time of loading.
    cfg.train_dataloader.dataset.pipeline[-1].meta_keys = ('img_id', 'img_path')
    work_dir = settings.work_dir(name, seed)
    cfg.test_evaluator.update(
        ann_file=f'{settings.out}/data/val/person_keypoints.json',
        outfile_prefix=str(work_dir / 'found'),
    )
    # Evaluated once, at the end.
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    iterations = settings.iterations
    warm_up = max(1, min(50, iterations // 10))
    first, second = cfg.param_scheduler
    first.end = second.begin = warm_up
    second.end, second.T_max = iterations, max(1, iterations - warm_up)
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations)
    cfg.default_hooks.checkpoint.update(interval=max(1, iterations // 4), max_keep_ckpts=1)
    cfg.update(
        work_dir=str(work_dir),
        experiment_name=f'{name}_seed{seed}',
        randomness=dict(seed=seed),
        log_level='WARNING',
        resume=True,
    )
    return cfg


def resize(part: Any, side: int) -> None:
    """Set the sizes of input and heatmaps everywhere in a part of a config, in place."""
    if isinstance(part, dict):
        for key, stride in (('input_size', 1), ('heatmap_size', 4)):
            if key in part:
                part[key] = (side // stride, side // stride)
        part = list(part.values())
    for value in part if isinstance(part, (list, tuple)) else ():
        resize(value, side)


def train(name: str, seed: int, settings: Settings) -> None:
    """Train, or go on training, then evaluate and write the result.

    Args:
        name: of the row.
        seed: of weights, order of the scenes and augmentation.
        settings: of the study.
    """
    torch.set_num_threads(int(os.environ.get('OMP_NUM_THREADS', 1)))
    cfg = configure(name, seed, settings)
    prepare_resume(cfg)
    cli.prepare_run(cfg)
    runner = Runner.from_cfg(cfg)
    begun, clock = runner.iter, time.time()
    model = runner.train()
    seconds = time.time() - clock
    done = settings.iterations - begun
    runner.test()
    found = json.loads((settings.work_dir(name, seed) / 'found.keypoints.json').read_text())
    sigmas = runner.test_dataloader.dataset.metainfo['sigmas'].tolist()
    ann_file = settings.out / 'data' / 'val' / 'person_keypoints.json'
    images = [image['id'] for image in json.loads(ann_file.read_text())['images']]
    matches = match_images(ann_file, found, images, sigmas)
    save_matches(settings.result(name, seed).with_suffix('.npz'), matches)
    result = dict(
        row=name,
        title=ROWS[name].title,
        seed=seed,
        **accuracy(matches),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        # of this part of a training that was interrupted
        training=dict(seconds=round(seconds, 1), iterations=done),
        run=what_was_run(settings, cfg),
    )
    save_json(settings.result(name, seed), result)


def accuracy(matches: Matches) -> dict[str, Any]:
    """AP over all validation scenes and by the number of people with keypoints."""
    values = average_precision(matches)
    groups = {}
    for label, (low, high) in GROUPS.items():
        chosen = (matches.persons >= low) & (matches.persons <= high)
        value = average_precision(matches, chosen.astype(int)).mean()
        groups[label] = dict(ap=rounded(value), images=int(chosen.sum()))
    return dict(ap=rounded(values.mean()), ap50=rounded(values[0]), ap_by_people=groups)


def rounded(value: float) -> float | None:
    """Four digits; None, as JSON has no nan, where there is no number."""
    return None if value != value else round(float(value), 4)


def what_was_run(settings: Settings, cfg: Config) -> dict[str, Any]:
    """Version, commit, data, schedule and machine, for the file of a result."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    manifests = {
        kind: json.loads((settings.out / 'data' / kind / 'manifest.json').read_text())
        for kind in ('train', 'val')
    }
    return dict(
        versions(),
        config=str(Path(cfg.filename).resolve().relative_to(ROOT)),
        data=manifests,
        iterations=settings.iterations,
        batch_size=settings.batch_size,
        side=settings.side,
        optimizer=dict(cfg.optim_wrapper.optimizer),
        processor=processor_name(),
        gpu=gpu,
        mmengine=mmengine.__version__,
    )
