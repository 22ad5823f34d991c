"""The name of the processor or GPU that results stand for."""

from __future__ import annotations

import platform
from pathlib import Path

import torch


def machine(device: str) -> str:
    """Return the kind of processor that was measured."""
    if device.startswith('cuda'):
        return torch.cuda.get_device_name()
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    fields = dict(map(str.strip, line.split(':', 1)) for line in lines if ':' in line)
    if 'model name' not in fields:
        return platform.processor() or platform.machine()
    # vendors of virtual machines shorten the name
    numbers = [f'{key} {fields[key]}' for key in ('cpu family', 'model') if key in fields]
    return f'{fields["model name"]} ({", ".join(numbers)})' if numbers else fields['model name']
