"""Checkpoints that MMPose's and mmengine's own functions load run no code and are not damaged."""

from __future__ import annotations

import functools
import os
import os.path as osp
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.runner.checkpoint import CheckpointLoader

from ..utils.checks import is_remote
from ..utils.errors import UserError
from .load import find_damage, has_nan, reason_of_failure, weights_of

#: makes ``torch.load`` take tensors and plain Python only, in every version that this package runs
FORCE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
OPPOSITE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'


def guard_loading() -> None:
    """Guard the function through which mmengine loads every checkpoint; once is enough.

    With torch before 2.6, mmengine calls ``torch.load`` in a way that runs whatever code a file
    holds. Here a checkpoint may hold tensors and plain Python, as with newer versions of torch.
    Someone who trusts a file sets ``TORCH_FORCE_WEIGHTS_ONLY_LOAD=0`` in the environment.

    Raises:
        UserError: from the guarded function, for a file that needs code, is damaged, or has weights
            that are not a number.
    """
    original = CheckpointLoader.load_checkpoint.__func__
    if getattr(original, 'guarded', False):
        return

    @functools.wraps(original)
    def load_checkpoint(cls: type, filename: str, *args: Any, **kwargs: Any) -> Any:
        try:
            with _only_weights():
                content = original(cls, filename, *args, **kwargs)
        except pickle.UnpicklingError as error:
            reason = reason_of_failure(error)
            raise UserError(f'{filename} is not a readable checkpoint: {reason}') from error
        path = osp.expanduser(str(filename))
        damaged = '' if is_remote(path) or not osp.isfile(path) else find_damage(path)
        if damaged:
            raise UserError(f'{filename} is damaged: the checksum of {damaged} is another')
        weights = weights_of(content) if isinstance(content, dict) else {}
        wrong = next((name for name, value in weights.items() if has_nan(value)), '')
        if wrong:
            raise UserError(f'{filename}: {wrong} is not finite: take an earlier checkpoint')
        return content

    load_checkpoint.guarded = True  # type: ignore[attr-defined]
    CheckpointLoader.load_checkpoint = classmethod(load_checkpoint)


@contextmanager
def _only_weights() -> Iterator[None]:
    """Let ``torch.load`` take weights only, unless the user has decided about it."""
    if FORCE in os.environ or OPPOSITE in os.environ:
        yield
        return
    os.environ[FORCE] = '1'
    try:
        yield
    finally:
        os.environ.pop(FORCE, None)
