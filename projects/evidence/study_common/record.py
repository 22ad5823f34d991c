"""What was really run, for the file of a result."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

import centergroup_mm
from centergroup_mm.utils.files import write_whole


def processor_name(device: str | torch.device = 'cpu') -> str:
    """The GPU, or the CPU as the system names it."""
    if torch.device(device).type == 'cuda':
        return torch.cuda.get_device_name(device)
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str:
    """Commit of the code, or the variable CENTERGROUP_COMMIT where there is no repository."""
    if told := os.environ.get('CENTERGROUP_COMMIT'):
        return told
    command = ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--dirty']
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:  # there is no git
        return 'unknown'
    return answer.stdout.strip() or 'unknown'


def versions() -> dict[str, str]:
    """Version of the package, commit, Python and torch."""
    return dict(
        version=centergroup_mm.__version__,
        commit=commit(),
        python=platform.python_version(),
        torch=torch.__version__,
    )


def save_json(path: Path, content: Any) -> None:
    """Write a JSON file, completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as partial:
        Path(partial).write_text(json.dumps(content, indent=1) + '\n')
