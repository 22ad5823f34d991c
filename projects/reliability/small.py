"""A training of the tiny model on small drawn scenes: a tenth of a second an iteration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from fuzzing.material import SHORT, TINY, config_text  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402
from mmengine.runner import Runner  # noqa: E402

from centergroup_mm.synthetic import write_dataset  # noqa: E402


class LossHook(Hook):
    """Keeps the loss of each iteration."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Keep the loss that the log shows."""
        self.losses.append(outputs['loss'].item())


def tiny_config(folder: Path, scenes: int, iterations: int, seed: int = 0) -> Config:
    """Draw scenes, and return the config of a training that does not evaluate.

    Args:
        folder: gets scenes and checkpoints.
        scenes: number of images of 96 x 96 pixels, which are brought to 64 x 64.
        iterations: with two images each.
        seed: of weights, order and augmentation.
    """
    path = folder / 'tiny.py'
    if not path.is_file():
        write_dataset(folder / 'scenes', 'demo', scenes, 5, (96, 96), progress=False)
        path.write_text(config_text(TINY, folder / 'scenes') + SHORT)
    cfg = Config.fromfile(path)
    cfg.work_dir = str(folder / f'run_{seed}')
    cfg.train_dataloader.batch_size = 2
    cfg.train_cfg.max_iters = iterations
    cfg.default_hooks.checkpoint.interval = iterations
    cfg.randomness = dict(seed=seed)
    return cfg


def train(cfg: Config, validate: bool = False) -> tuple[Runner, list[float]]:
    """Train in this process.

    Args:
        cfg: of :func:`tiny_config`.
        validate: build the evaluation too; it runs as often as the config says.

    Returns:
        the runner that has trained, and the loss of each iteration.
    """
    if not validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        cfg.train_cfg.pop('val_interval', None)
    cfg.experiment_name = f'small_{len(DefaultScope._instance_dict)}'
    cfg.default_scope = 'mmpose'
    cfg.visualizer = dict(type='Visualizer', vis_backends=[])
    runner = Runner.from_cfg(cfg)
    hook = LossHook()
    runner.register_hook(hook)
    runner.train()
    return runner, hook.losses
