"""Errors before a run has done its first iteration are errors of its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..utils.errors import UserError
from ..utils.setup_errors import setting_up


class _Begun(Hook):
    """Notes that an iteration has been done."""

    priority = 'LOWEST'
    done = False

    def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
        self.done = True

    def after_test_iter(self, *args: Any, **kwargs: Any) -> None:
        self.done = True


@contextmanager
def settings_at_fault(runner: Runner, config: str) -> Iterator[None]:
    """Turn errors that come before the end of the first iteration into one line.

    A run builds its datasets, optimizer and metrics when it begins, and many values fail only
    there, or with the first batch. Later errors pass as they are.

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
