"""Training ends when numbers stop being finite."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor

from ...utils.errors import UserError
from ..processes import largest

REMEDY = (
    'a lower learning rate (optim_wrapper.optimizer.lr), a longer warm-up or '
    'optim_wrapper.clip_grad keep it finite'
)


@HOOKS.register_module()
class FiniteTrainingHook(Hook):
    """Stop when a loss is not finite, and write no checkpoint whose tensors are not finite.

    All processes stop at the same iteration. The checkpoints that were saved before stay.
    """

    priority = 'VERY_HIGH'  # before anything is saved

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Look at the losses of this iteration."""
        wrong = [name for name, value in (outputs or {}).items() if not _is_finite(value)]
        if largest(len(wrong)):
            what = ', '.join(wrong) or 'the loss of another process'
            raise UserError(
                f'training stopped: {what} not finite in iteration {runner.iter + 1}; '
                f'{_last_good(runner)}; {REMEDY}'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Look at the weights and the state of the optimizer."""
        parts = [('state_dict', checkpoint['state_dict'])]
        parts += [('optimizer', checkpoint.get('optimizer'))]
        for part, value in parts:
            for name, tensor in _tensors(value, part):
                if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                    raise UserError(
                        f'training stopped: {name} is not finite after iteration '
                        f'{checkpoint["meta"]["iter"]}, and no checkpoint of it is written; '
                        f'{_last_good(runner)}; {REMEDY}'
                    )


def _is_finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return bool(torch.isfinite(value).all())
    return not isinstance(value, float) or math.isfinite(value)


def _tensors(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a nested value with their names."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _tensors(inner, f'{name}.{key}')
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _tensors(inner, f'{name}.{index}')


def _last_good(runner: Runner) -> str:
    saved = [getattr(hook, 'last_ckpt', None) for hook in runner.hooks]
    paths = [path for path in saved if path]
    return f'the last good checkpoint is {paths[0]}' if paths else 'nothing was saved before'
