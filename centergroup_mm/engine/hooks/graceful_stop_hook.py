"""A training that is told to stop saves first."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ..processes import largest

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class TrainingStopped(SystemExit):
    """A training was told to stop and has saved; ``code`` is 128 and the signal, as in a shell."""


@HOOKS.register_module()
class GracefulStopHook(Hook):
    """Finish the iteration, save and exit after SIGTERM or Ctrl-C.

    SIGTERM is what Slurm and Kubernetes send before they kill. In a run of several processes one
    signal to any of them stops all at the same iteration. A second signal ends the process at once.
    During validation a single process stops after the batch, several processes stop after the next
    training iteration. The exit code is 143 after SIGTERM and 130 after Ctrl-C.
    """

    priority = 'LOWEST'  # after the iteration's own checkpoint

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[int, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Receive the signals from now on; Python allows it in the main thread only."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Save and stop if a process has received a signal."""
        number = largest(self.received)
        if number:
            self._stop(runner, number, runner.iter + 1)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Stop inside of a validation; several processes have no common batch for that."""
        if self.received and get_world_size() == 1:
            self._stop(runner, self.received, runner.iter)

    def after_train(self, runner: Runner) -> None:
        """Leave the signals to whoever had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        for one in SIGNALS:  # a second signal does not wait
            signal.signal(one, signal.SIG_DFL)

    def _stop(self, runner: Runner, number: int, iters: int) -> None:
        paths = [hook.save_now(runner, iters) for hook in runner.hooks if hasattr(hook, 'save_now')]
        self.after_train(runner)
        where = f'saved {paths[0]}, go on with --resume' if paths else 'nothing was saved'
        name = signal.Signals(number).name
        runner.logger.warning(f'stopped by {name} after iteration {iters}: {where}')
        raise TrainingStopped(128 + number)
