"""Checkpoints that a kill at any moment leaves usable."""

from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...utils.errors import UserError
from ...utils.files import write_whole
from ..storage import ATOMIC

#: entry of the message hub: the checkpoint inside an epoch, which the next whole one replaces
INTERRUPTED = 'interrupted_ckpt'


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """Save checkpoints as mmengine's ``CheckpointHook`` does, in an order that loses nothing.

    A checkpoint is written beside its place, flushed to the disk and renamed. Only then are older
    ones removed, where mmengine removes them first, and the file ``last_checkpoint`` is replaced in
    the same way. With ``max_keep_ckpts=1`` there is one complete checkpoint at every moment.

    Args:
        kwargs: those of ``CheckpointHook``. Without ``backend_args`` and ``file_client_args``,
            which name another storage, files are written as described.
    """

    def __init__(self, **kwargs: Any) -> None:
        if '://' not in str(kwargs.get('out_dir', '')) and not kwargs.get('file_client_args'):
            kwargs['backend_args'] = kwargs.get('backend_args') or dict(backend=ATOMIC)
        super().__init__(**kwargs)
        self._saved_iter = -1
        self._interrupted: str | None = None

    def save_now(self, runner: Runner, iters: int) -> str:
        """Save a checkpoint out of turn, unless there is one of this iteration.

        Args:
            runner: of the training; its epoch need not have ended.
            iters: iterations done.

        Returns:
            path of the checkpoint.
        """
        if self._saved_iter != iters:
            meta = dict(epoch=runner.epoch, iter=iters)
            if self.by_epoch:  # beside the checkpoints of whole epochs, and not counted
                path = self.file_backend.join_path(self.out_dir, f'iter_{iters}.pth')
                runner.message_hub.update_info(INTERRUPTED, path)
                self._save(runner, f'iter_{iters}.pth', meta, [self._interrupted])
            else:
                self._save_checkpoint_with_step(runner, iters, meta)
        return str(self.last_ckpt)

    def before_train(self, runner: Runner) -> None:
        """Find out where checkpoints go, and which one a stopped run has left."""
        super().before_train(runner)
        self._interrupted = runner.message_hub.runtime_info.pop(INTERRUPTED, None)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, int]) -> None:
        outdated = [self._interrupted]
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated.append(self._path_of(self.keep_ckpt_ids.popleft()))
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self._save(runner, self.filename_tmpl.format(step), meta, outdated)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        with self._removals_last():
            super()._save_best_checkpoint(runner, metrics)

    def _save(
        self, runner: Runner, name: str, meta: dict[str, int], outdated: list[str | None]
    ) -> None:
        """Write a checkpoint, let ``last_checkpoint`` name it, and remove outdated ones."""
        path = self.file_backend.join_path(self.out_dir, name)
        previous = runner.message_hub.runtime_info.get('last_ckpt')
        runner.message_hub.update_info('last_ckpt', path)
        try:
            runner.save_checkpoint(
                self.out_dir,
                name,
                self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=meta,
                by_epoch=self.by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
        except UserError:
            runner.message_hub.update_info('last_ckpt', previous)
            raise
        self.last_ckpt, self._saved_iter = path, meta['iter']
        if is_main_process():
            with write_whole(osp.join(runner.work_dir, 'last_checkpoint')) as partial:
                partial.write_text(path)
            for old in outdated:
                if old and old != path and self.file_backend.exists(old):
                    self.file_backend.remove(old)
        self._interrupted = None

    def _path_of(self, step: int) -> str:
        return str(self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step)))

    @contextmanager
    def _removals_last(self) -> Iterator[None]:
        """Carry out what removes files at the end, and not at all after an error."""
        backend = self.file_backend
        self.file_backend = _Postponing(backend)
        try:
            yield
            postponed = self.file_backend.postponed
        finally:
            self.file_backend = backend
        for path, remove in postponed:
            if backend.exists(path):
                remove(path)


class _Postponing:
    """A file backend that notes what to remove.

    Args:
        backend: does everything else.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.postponed: list[tuple[str, Callable[[str], None]]] = []

    def remove(self, path: str | Path) -> None:
        """Note a file."""
        self.postponed.append((str(path), self._backend.remove))

    def rmtree(self, path: str | Path) -> None:
        """Note a folder."""
        self.postponed.append((str(path), self._backend.rmtree))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)
