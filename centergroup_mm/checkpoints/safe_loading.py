"""Checkpoints that MMPose's and mmengine's own functions load run no code and are not damaged."""

from __future__ import annotations

import functools
import os
import os.path as osp
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader

from ..utils.checks import is_remote
from ..utils.errors import UserError
from .load import find_damage, has_nan, reason_of_failure, refuse_programs, weights_of

#: makes ``torch.load`` take tensors and plain Python only, in every version that this package runs
FORCE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
OPPOSITE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
#: what guards one loading is the state of the whole process, so that threads take turns
TURN = threading.RLock()


def guard_loading() -> None:
    """Guard the function through which mmengine loads every checkpoint; once is enough.

    With torch before 2.6, mmengine calls ``torch.load`` in a way that runs whatever code a file
    holds. Here a checkpoint may hold tensors and plain Python, as with newer versions of torch, and
    TorchScript programs, which torch before 2.6 runs even so, are refused.
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
    decided = os.environ.get(FORCE, '1').lower() not in ('1', 'y', 'yes', 'true')
    if decided or OPPOSITE in os.environ:
        yield
        return
    with TURN:
        original, given = torch.load, FORCE in os.environ
        os.environ[FORCE] = '1'
        torch.load = _without_programs(original)
        try:
            yield
        finally:
            torch.load = original
            if not given:
                os.environ.pop(FORCE, None)


def _without_programs(load: Callable) -> Callable:
    """Let ``torch.load`` refuse programs; the loaders of mmengine and torch's hub call it."""

    @functools.wraps(load)
    def load_no_program(f: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_programs(f)
        return load(f, *args, **kwargs)

    return load_no_program
