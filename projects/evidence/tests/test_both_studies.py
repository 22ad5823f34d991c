"""The command for both studies."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).resolve().parents[1] / 'run.py'
spec = importlib.util.spec_from_file_location('run_both_studies', RUN)
both = importlib.util.module_from_spec(spec)
spec.loader.exec_module(both)


def test_the_studies_know_the_options_that_they_are_given():
    args = argparse.Namespace(
        detector='w.pth', train='t', dev='d', reduced=True, seeds=[1], device='cpu', jobs=2, out='o'
    )
    for command in both.commands(args):
        text = Path(command[0]).read_text()
        for option in (part for part in command if part.startswith('--')):
            assert f"'{option}'" in text, (command[0], option)


def test_a_missing_file_is_one_line_before_anything_runs(tmp_path):
    command = [sys.executable, str(RUN), str(tmp_path / 'none.pth'), '--train', 't', '--dev', 'd']
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode != 0
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith('none.pth not found: see --help for what belongs there')
    )
    assert not any(tmp_path.iterdir())
