"""Checkpoints of tensors and plain Python objects only, which every torch loads safely."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from mmpose.registry import HOOKS

#: where the numpy type of an array that was written as a list is kept, beside the lists
ARRAYS_KEY = 'dataset_meta_arrays'
BUFFER_KEYS = ('log_history', 'count_history', 'max_length')


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Write checkpoints that ``torch.load(..., weights_only=True)`` can load, and resume from them.

    mmengine 0.10 stores its log buffers and numpy arrays in the checkpoint. torch >= 2.6 refuses to
    load such a file, so that neither testing nor resuming works. This hook turns them into tensors
    and lists when a checkpoint is saved, and back when a runner loads one. No class has to be
    declared safe, so the files load everywhere, in MMPose's own tools and inferencer too.
    """

    priority = 'LOWEST'  # after the hooks that add to the checkpoint

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Replace everything that is neither a tensor nor plain Python."""
        meta = checkpoint.get('meta', {})
        arrays = {
            name: value.dtype.name
            for name, value in (meta.get('dataset_meta') or {}).items()
            if isinstance(value, np.ndarray)
        }
        if arrays:
            meta[ARRAYS_KEY] = arrays
        for key in list(checkpoint):
            if key != 'state_dict':
                checkpoint[key] = to_plain(checkpoint[key])

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore the log buffers and arrays that mmengine expects when it resumes."""
        hub = checkpoint.get('message_hub')
        if isinstance(hub, dict):
            hub['log_scalars'] = OrderedDict(
                (name, to_buffer(value)) for name, value in hub.get('log_scalars', {}).items()
            )
        meta = checkpoint.get('meta') or {}
        for name, dtype in meta.pop(ARRAYS_KEY, {}).items():
            meta['dataset_meta'][name] = np.array(meta['dataset_meta'][name], dtype=dtype)
        self._keep_equal_metainfo(runner, meta)

    @staticmethod
    def _keep_equal_metainfo(runner: Runner, meta: dict) -> None:
        """Let mmengine see that the training dataset is that of the checkpoint.

        It compares pickles, and those of equal objects may differ.
        """
        loop = getattr(runner, '_train_loop', None)
        dataset = getattr(getattr(loop, 'dataloader', None), 'dataset', None)
        current = getattr(dataset, 'metainfo', None)
        if current is not None and to_plain(current) == to_plain(meta.get('dataset_meta')):
            meta['dataset_meta'] = current


def to_plain(value: Any) -> Any:
    """Turn a nested value into tensors, numbers, strings, lists, tuples and dicts.

    Log buffers become dicts of float64 tensors, arrays become lists.

    Args:
        value: something that mmengine or a hook put into a checkpoint.

    Returns:
        the same content in types that torch loads safely. An object of an unknown type is kept
            as it is; torch names it when the file is loaded.
    """
    if isinstance(value, HistoryBuffer):
        log, count = value.data
        parts = (torch.tensor(log), torch.tensor(count), value.max_length)
        return dict(zip(BUFFER_KEYS, parts, strict=True))
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, dict):
        plain = {to_plain(key): to_plain(item) for key, item in value.items()}
        return OrderedDict(plain) if isinstance(value, OrderedDict) else plain
    if isinstance(value, (list, set, frozenset)):
        return [to_plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(to_plain(item) for item in value)
    return value


def to_buffer(value: Any) -> Any:
    """Undo :func:`to_plain` for a log buffer; other values pass unchanged."""
    if not (isinstance(value, dict) and set(value) == set(BUFFER_KEYS)):
        return value
    return HistoryBuffer(
        value['log_history'].cpu().numpy(),
        value['count_history'].cpu().numpy(),
        value['max_length'],
    )
