"""What a run does for the first time fails in one line that names its config."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import ROOT
from ..helpers.tools import last_error, run_tool

CONFIG = ROOT / 'tests' / 'helpers' / 'toy_config.py'


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('train_dataloader.collate_fn.type=pseudo_collate', 'TypeError'),
        ('val_dataloader.collate_fn.type=pseudo_collate', 'TypeError'),
        ('val_evaluator.prefix=5', 'TypeError: sequence item 0'),  # when metrics are computed
    ],
)
def test_training(option: str, message: str, tmp_path: Path) -> None:
    words = (CONFIG, '--work-dir', 'run', '--cfg-options', option)
    done = run_tool('tools/train.py', *words, cwd=tmp_path)
    assert done.status == 2, done.output
    line = last_error(done.output)
    assert 'toy_config.py cannot be run: ' in line and message in line
    assert ('Epoch(train) [1][4/4]' in done.output) == option.startswith('val')
