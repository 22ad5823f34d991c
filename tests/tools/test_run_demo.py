"""The demo from an empty folder to its summary, much shortened."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

from ..conftest import ROOT
from ..helpers.tools import run_tool


@pytest.mark.slow
def test_demo_leaves_numbers_and_pictures(tmp_path):
    options = ['--max-iters', '20', '--num-train', '16', '--num-val', '8', '--pictures', '3']
    folders = ['--work-dir', str(tmp_path / 'run'), '--data-root', str(tmp_path / 'data')]
    result = subprocess.run(
        [sys.executable, str(ROOT / 'tools' / 'run_demo.py'), *options, *folders],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    metrics = json.loads((tmp_path / 'run' / 'metrics.json').read_text())
    assert 0 <= metrics['coco/AP'] <= 1 and math.isfinite(metrics['full']['coco/AP'])
    assert set(metrics['full_by_crowd_level']) == {'easy', 'medium', 'hard'}
    assert {'setup', 'data', 'training', 'evaluation'} == set(metrics['seconds'])
    for picture in ('demo_val_poses.png', 'full_val_poses.png', 'losses.png'):
        assert (tmp_path / 'run' / picture).stat().st_size > 1000
    assert 'Average precision on scenes the model has never seen' in result.stdout
    assert 'Next:' in result.stdout


def test_other_scenes_are_not_replaced(tmp_path):
    folder = tmp_path / 'data' / 'demo_train'
    folder.mkdir(parents=True)
    (folder / 'manifest.json').write_text('{"generator": "0.9"}')
    result = run_tool('tools/run_demo.py', '--data-root', folder.parent, cwd=tmp_path)
    assert result.status == 2
    line = result.err.strip().splitlines()[-1]
    assert line.startswith(f'error: {folder} holds other scenes') and '--data-root' in line
