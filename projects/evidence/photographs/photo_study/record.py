"""Results, with what was really run beside the numbers."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from pathlib import Path

import torch

import centergroup_mm
from centergroup_mm.utils.files import write_whole

#: of the command line, what changes the numbers
SETTINGS = ('passes', 'steps', 'batch_size', 'max_images')


def processor_name(device: torch.device) -> str:
    """The GPU, or the CPU as the system names it."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return f'{names[0] if names else platform.processor()}, {torch.get_num_threads()} threads'


def commit() -> str:
    """Commit of the code, or the variable CENTERGROUP_COMMIT where there is no repository."""
    if told := os.environ.get('CENTERGROUP_COMMIT'):
        return told
    command = ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--dirty']
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or 'unknown'


def described(args: argparse.Namespace, device: torch.device) -> dict:
    """Version, commit, processor and settings of a run."""
    return dict(
        version=centergroup_mm.__version__,
        commit=commit(),
        torch=torch.__version__,
        processor=processor_name(device),
        detector=Path(args.detector).name,
        settings={name: getattr(args, name) for name in SETTINGS},
    )


def save_run(path: Path, content: dict) -> None:
    """Write a JSON file, completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as partial:
        Path(partial).write_text(json.dumps(content, indent=1) + '\n')
