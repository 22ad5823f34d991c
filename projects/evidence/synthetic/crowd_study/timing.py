"""Milliseconds of a prediction on one CPU thread, all rows in turn."""

from __future__ import annotations

import platform
import statistics
import time

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpose.registry import DATASETS, MODELS
from study_common.record import processor_name, save_json
from torch import nn

from centergroup_mm.checkpoints.resume import find_resumable

from .rows import Settings
from .training import configure


def measure(names: list[str], seed: int, settings: Settings, images: int, threads: int = 1) -> None:
    """Time the trained rows and write ``results/milliseconds.json``.

    The time is that of the whole model, from the image as it is loaded to poses in its pixels, with
    flip test. Every image goes through all rows before the next one, so that what slows the machine
    down slows all rows down.

    Args:
        names: the rows; those without a checkpoint are left out.
        seed: whose checkpoints are timed.
        settings: of the study.
        images: validation scenes to time; three more come first, not counted.
        threads: of torch.
    """
    torch.set_num_threads(threads)
    init_default_scope('mmpose')
    models: dict[str, nn.Module] = {}
    for name in names:
        checkpoint = find_resumable(settings.work_dir(name, seed))
        if checkpoint is None:
            continue
        cfg = configure(name, seed, settings)
        models[name] = MODELS.build(cfg.model)
        load_checkpoint(models[name], checkpoint, map_location='cpu')
        models[name].eval()
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
    if not models:  # the checkpoints of finished rows may be gone
        return
    taken: dict[str, list[float]] = {name: [] for name in models}
    for number in range(images + 3):
        batch = pseudo_collate([dataset[number % len(dataset)]])
        for name, model in models.items():
            clock = time.perf_counter()
            with torch.no_grad():
                model.test_step(batch)
            taken[name].append(1000 * (time.perf_counter() - clock))
    save_json(
        settings.out / 'results' / 'milliseconds.json',
        dict(
            median={name: round(statistics.median(times[3:]), 1) for name, times in taken.items()},
            images=images,
            seed=seed,
            side=settings.side,
            threads=threads,
            flip_test=True,
            processor=processor_name(),
            torch=torch.__version__,
            python=platform.python_version(),
        ),
    )
