"""Half precision of the convolutions, which some processors compute faster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

#: by name; None is float32 without autocast, so that a traced graph shows nothing of it
PRECISIONS = dict(float32=None, bfloat16=torch.bfloat16, float16=torch.float16)
#: where Linux lists what the processor can do
CPUINFO = Path('/proc/cpuinfo')


def autocast(precision: str, device: torch.device | str) -> AbstractContextManager:
    """Compute convolutions and products of matrices in a precision.

    Heatmaps, and all that decides which keypoints are found and grouped, stay float32: the heads of
    this package see to that.

    Args:
        precision: a key of ``PRECISIONS``.
        device: where the model is.

    Raises:
        ValueError: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f'precision must be one of {", ".join(PRECISIONS)}, got {precision}')
    dtype = PRECISIONS[precision]
    if dtype is None:
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=dtype)


def fastest_precision(device: torch.device | str) -> str:
    """Tell in which precision a model predicts fastest, of those that change AP by .002 at most.

    Returns:
        ``'bfloat16'`` on a CPU with instructions for products of such matrices (Intel's AMX), else
        ``'float32'``: without them, most processors take longer in bfloat16, and GPUs were not
        measured.
    """
    if torch.device(device).type != 'cpu' or not CPUINFO.is_file():
        return 'float32'
    lines = CPUINFO.read_text(errors='replace').splitlines()
    features = next((line.split() for line in lines if line.startswith('flags')), [])
    return 'bfloat16' if 'amx_bf16' in features else 'float32'
