"""The command ``centergroup``: starts at once, finds its commands, says what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from centergroup_lite import commands, main
from centergroup_lite.version import __version__

from ..conftest import ROOT

#: an interpreter in which these cannot be imported
BARE = """
import sys
for name in ('torch', 'mmengine', 'mmcv', 'mmpose', 'mmdet', 'scipy'):
    sys.modules[name] = None
from centergroup_lite.main import main
sys.exit(main())
"""


def bare(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Run the command where there is no torch; exit status, output, error output."""
    done = subprocess.run(
        [sys.executable, '-c', BARE, *arguments],
        cwd=cwd,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_help_needs_no_torch_and_comes_within_a_second(tmp_path):
    before = os.times()
    status, output, error = bare('--help', cwd=tmp_path)
    assert status == 0, error
    for name, command in commands.COMMANDS.items():
        assert f'  {name}' in output and command.about in output
    after = os.times()  # of processes that have ended: CPU time, whatever else the machine does
    used = after.children_user - before.children_user
    assert 0 < used + after.children_system - before.children_system < 1


def test_without_torch_a_command_says_what_it_misses(tmp_path):
    status, output, error = bare('train', 'config.py', cwd=tmp_path)
    assert status == 2 and not output
    assert error.startswith('error: centergroup train cannot start: ') and error.count('\n') == 1


def test_the_version_is_that_of_the_package(tmp_path):
    assert bare('--version', cwd=tmp_path)[1] == f'centergroup {__version__}\n'


def test_an_unknown_command_ends_in_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        main.main(['foo'])
    assert end.value.code == 2
    assert "invalid choice: 'foo'" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize('name', [n for n, c in commands.COMMANDS.items() if c.tool])
def test_commands_and_scripts_show_their_own_examples(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['centergroup'])
    with pytest.raises(SystemExit) as end:
        main.main([name, '--help'])
    assert end.value.code == 0
    help_text = capsys.readouterr().out
    tool = f'tools/{commands.COMMANDS[name].tool}'
    assert f'    centergroup {name} ' in help_text and tool not in help_text.split('own', 1)[0]
    assert (ROOT / tool).is_file()
    monkeypatch.setattr(sys, 'argv', [tool])
    assert f'python {tool} X' == commands.examples(f'centergroup {name} X')
    assert f'torchrun {tool} X' == commands.examples(f'torchrun -m centergroup_lite {name} X')


def test_a_command_whose_module_is_missing_is_not_offered():
    assert not commands.Command('centergroup_mm.commands.no_such', '').exists
    assert not commands.Command('no_such_package.train', '').exists
    assert commands.Command('centergroup_mm.commands', '').exists
