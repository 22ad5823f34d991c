"""Means over everything that all processes of a training see."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor


def normalizer(count: Tensor) -> Tensor:
    """What a process divides a sum by, so that averaged gradients are those of one large batch.

    Distributed training averages the gradients of its processes. If each divided by its own count,
    a person on a process with few people would weigh more than one on a process with many. All
    processes have to call this equally often.

    Args:
        count: entries that this process has summed up, a scalar.

    Returns:
        the mean of the counts of all processes, at least one entry in all of them.
    """
    total = count.detach().to(torch.float32).clone()
    processes = get_world_size()
    if processes > 1:
        all_reduce(total)
    return total.clamp(min=1) / processes


def mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the entries of ``mask``; zero, with a gradient path, where there are none."""
    mask = mask.expand_as(values)
    return torch.where(mask, values, torch.zeros_like(values)).sum() / normalizer(mask.sum())
