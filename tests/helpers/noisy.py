"""The toy model and data set with random numbers: noise from numpy, dropout from torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import DATASETS, HOOKS, MODELS
from torch import Tensor, nn

from ..conftest import ROOT
from .toy import ToyDataset, ToyModel

CONFIG = ROOT / 'tests/helpers/toy_config.py'


@DATASETS.register_module()
class NoisyToyDataset(ToyDataset):
    """Inputs with noise, as augmentation adds it."""

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        sample = super().__getitem__(index)
        return {**sample, 'inputs': sample['inputs'] + np.float32(np.random.rand())}


@MODELS.register_module()
class NoisyToyModel(ToyModel):
    """A linear layer with dropout and batch normalization."""

    def __init__(self) -> None:
        super().__init__(width=1)
        self.linear = nn.Sequential(
            nn.Linear(1, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 1)
        )


@HOOKS.register_module()
class CallHook(Hook):
    """Call a function before each iteration of training, with the runner."""

    priority = 'VERY_LOW'

    def __init__(self, function: Any) -> None:
        self.function = function

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.function(runner)


def noisy_config(work_dir: Path, by_epoch: bool, workers: int = 0, **options: Any) -> Config:
    """Eight images in batches of two: two epochs of four iterations, or eight iterations."""
    cfg = Config.fromfile(str(CONFIG))
    cfg.merge_from_dict(options)
    cfg.work_dir = str(work_dir)
    cfg.model = dict(type='NoisyToyModel')
    cfg.optim_wrapper.type = 'OptimWrapper'
    cfg.log_level = 'WARNING'
    cfg.train_dataloader.dataset = dict(type='NoisyToyDataset')
    cfg.train_dataloader.update(num_workers=workers, persistent_workers=workers > 0)
    if not by_epoch:
        cfg.train_cfg = dict(by_epoch=False, max_iters=8, val_interval=3)
        cfg.train_dataloader.sampler.type = 'InfiniteSampler'
        cfg.default_hooks.checkpoint.update(by_epoch=False, interval=3)
    return cfg


def train(cfg: Config, function: Any = None) -> Runner:
    """Train in this process; ``function`` gets the runner before each iteration."""
    from mmengine.registry import DefaultScope

    cfg.experiment_name = f'noisy_{len(DefaultScope._instance_dict)}_{np.random.rand()}'
    cfg.default_scope = 'mmpose'
    runner = Runner.from_cfg(cfg)
    if function is not None:
        runner.register_hook(CallHook(function))
    runner.train()
    return runner


def weights(path: Path) -> dict[str, Tensor]:
    """State of the model in a checkpoint."""
    return torch.load(path, weights_only=True)['state_dict']
