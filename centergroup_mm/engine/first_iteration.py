"""Errors in what a run does for the first time are errors of its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..utils.errors import UserError
from ..utils.setup_errors import setting_up


class _Begun(Hook):
    """Notes whether what the run does now has been done before."""

    priority = 'LOWEST'
    done = False
    validated = False

    def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
        self.done = True

    def before_val_epoch(self, runner: Runner) -> None:
        self.done = self.validated

    def after_val_iter(self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        # after the last batch the metrics are computed
        self.done = self.validated or batch_idx + 1 < len(runner.val_dataloader)

    def after_val_epoch(self, *args: Any, **kwargs: Any) -> None:
        self.done = self.validated = True

    def after_test_iter(self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        self.done = batch_idx + 1 < len(runner.test_dataloader)


@contextmanager
def settings_at_fault(runner: Runner, config: str) -> Iterator[None]:
    """Turn errors in the first iteration, the first validation and its metrics into one line.

    A run builds its datasets, optimizer and metrics when it begins, and many values fail only
    there, with the first batch, or when metrics are computed. Later errors pass as they are.

    Args:
        runner: of the run.
        config: its file, for the message.

    Raises:
        UserError: something failed before, see :func:`centergroup_mm.utils.setup_errors.setting_up`
    """
    begun = _Begun()
    runner.register_hook(begun)
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if begun.done:
            raise
        with setting_up(config, 'cannot be run'):
            raise error
