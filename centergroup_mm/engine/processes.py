"""What the processes of a run have to agree on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.dist import all_reduce, get_comm_device, is_distributed

from ..utils.errors import UserError

#: what backends say when a process of the run has stopped or has ended
LOST = ('timed out', 'timeout', 'connection closed', 'connection reset', 'broken pipe')


def largest(value: int) -> int:
    """Return the largest of the values that the processes of a run have; all must call it."""
    if not is_distributed():
        return value
    values = torch.tensor([value], device=get_comm_device())
    all_reduce(values, 'max')
    return int(values.item())


@contextmanager
def group_errors(timeout: float) -> Iterator[None]:
    """Turn the error of a run whose other processes do not answer into one line.

    Args:
        timeout: seconds that a process waits for the others.

    Raises:
        UserError: another process has stopped or has ended.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_distributed() or not any(word in str(error).lower() for word in LOST):
            raise
        raise UserError(
            'another process of the run has ended, or has not answered for '
            f'{timeout:g} s (env_cfg.dist_cfg.timeout); go on with --resume'
        ) from error
