"""The command of `make versions`, without installing anything."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import environments
import pytest
import versions
from environments import Combination, Environment, NotInstalled, parse, torch_requirement

from centergroup_lite.errors import UserError

HERE = f'{sys.version_info[0]}.{sys.version_info[1]}'
DONE = dict(
    combination='3.11/2.6/mmcv-lite',
    versions={'python': '3.11.7', 'torch': '2.6.0+cpu', 'mmcv-lite': '2.1.0', 'numpy': '1.26.4'},
    passed=90,
    failed=0,
    skipped=3,
    failures=[],
    seconds=80,
    setup_seconds=100,
)


def start(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, 'argv', ['versions.py', *map(str, words)])
    versions.main()


def test_combinations_are_read_and_name_their_files() -> None:
    assert parse('3.12/newest/mmcv') == Combination('3.12', 'newest', 'mmcv')
    assert len({parse(text).name for text in versions.COMBINATIONS}) == len(versions.COMBINATIONS)
    for wrong in ('3.12', '3.12/latest/mmcv', 'python3.12/2.6/mmcv', '3.12/2.6/mmcv-full', '//'):
        with pytest.raises(UserError, match='is no combination: PYTHON/TORCH/MMCV'):
            parse(wrong)


@pytest.mark.parametrize(
    ('torch', 'requirement'),
    [
        ('oldest', 'torch==2.1.*'),  # setup.cfg
        ('newest', 'torch'),
        ('2.6', 'torch==2.6.*'),
        ('2.13.0', 'torch==2.13.0'),
        ('pinned', None),
    ],
)
def test_words_for_torch(torch: str, requirement: str | None) -> None:
    assert torch_requirement(Combination('3.11', torch, 'mmcv-lite')) == requirement


def test_a_python_that_does_not_run_is_passed_over_for_one_of_pyenv(tmp_path: Path) -> None:
    shim = tmp_path / 'shims' / f'python{HERE}'
    shim.parent.mkdir()
    shim.write_text('#!/bin/sh\nexit 127\n')
    shim.chmod(0o755)
    environment = {'PATH': str(shim.parent), 'PYENV_ROOT': str(tmp_path)}
    assert environments.find_python(HERE, environment) is None
    real = tmp_path / f'versions/{HERE}.1/bin/python{HERE}'
    real.parent.mkdir(parents=True)
    real.symlink_to(Path(sys.executable).resolve())
    assert environments.find_python(HERE, environment) == str(real)
    assert environments.find_python('3.99', environment) is None


def test_a_missing_python_has_a_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start(monkeypatch, '--out', tmp_path, '--combinations', '3.99/newest/mmcv-lite')
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith('| 3.99 | newest | mmcv-lite | not run: python3.99 is not there: pyenv')
    assert [path.name for path in tmp_path.iterdir()] == ['versions.md']


def test_what_has_a_result_is_not_run_again_and_goes_into_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = parse(DONE['combination']).name
    (tmp_path / f'{name}.json').write_text(json.dumps(DONE))
    page = tmp_path / 'page.md'
    page.write_text(f'before\n{versions.BEGIN}\n| old |\n{versions.END}\nafter\n')
    monkeypatch.setattr(versions.save, '__defaults__', (page,))
    monkeypatch.setattr(Environment, 'make', lambda *_: pytest.fail('it is made again'))
    words = ('--out', tmp_path, '--combinations', DONE['combination'])
    start(monkeypatch, *words, '--save')
    row = '| 3.11.7 | 2.6.0+cpu | mmcv-lite 2.1.0 | 1.26.4 | 90 | 0 | 3 | 80 | 100 |'
    assert row in capsys.readouterr().out
    text = page.read_text()
    assert row in text and 'old' not in text
    assert text.startswith('before\n') and text.endswith('after\n')
    failed = dict(DONE, failed=1, failures=['tests.test_x::test_y'])
    (tmp_path / f'{name}.json').write_text(json.dumps(failed))
    with pytest.raises(UserError, match=r'tests failed with 3\.11/2\.6/mmcv-lite'):
        start(monkeypatch, *words)
    page.write_text('no marks')
    with pytest.raises(UserError, match='has no marks'):
        versions.save('', page)


def test_what_cannot_be_installed_has_the_last_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'print("ERROR: No matching | distribution"); print("notice"); raise SystemExit(1)'

    def make(self: Environment, base: str) -> None:
        self.folder.mkdir()
        self.log.write_text('ERROR: of another step\n')
        self.run([sys.executable, '-c', script], 'pip install torch==9')

    monkeypatch.setattr(Environment, 'make', make)
    monkeypatch.setattr(versions, 'find_python', lambda version: sys.executable)
    monkeypatch.setattr(
        sys, 'argv', ['versions.py', '--out', str(tmp_path), '--combinations', '3.11/9.9/mmcv-lite']
    )
    versions.main()
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {'versions.md', 'python3.11_torch-9.9_mmcv-lite.log'}
    row = (tmp_path / 'versions.md').read_text().splitlines()[-1]
    assert 'not run: pip install torch==9: ERROR: No matching / distribution; see python3.11' in row


def test_a_step_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    environment = Environment(parse('3.11/2.6/mmcv'), tmp_path / 'env', tmp_path / 'log', 1)
    environment.log.write_text('')
    began = time.monotonic()
    with pytest.raises(NotInstalled, match='building took more than 1 s'):
        environment.run(['sh', '-c', 'sleep 60 & sleep 60'], 'building', limit=1)
    assert time.monotonic() - began < 20


def test_outcomes_are_counted(tmp_path: Path) -> None:
    (tmp_path / 'test_four.py').write_text(
        'import pytest\n'
        'def test_good(): pass\n'
        'def test_bad(): assert False\n'
        'def test_error(absent): pass\n'
        '@pytest.mark.skip\n'
        'def test_left_out(): pass\n'
    )
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider']
    subprocess.run([*command, '--junit-xml=report.xml'], cwd=tmp_path, check=False, timeout=60,
                   capture_output=True)  # fmt: skip
    found = versions.read_report(tmp_path / 'report.xml')
    assert (found['passed'], found['failed'], found['skipped']) == (1, 2, 1)
    assert sorted(found['failures']) == ['test_four::test_bad', 'test_four::test_error']


def test_the_quick_tests_are_there() -> None:
    assert all((versions.ROOT / path).exists() for path in versions.TESTS)
    files = {Path(path).stem for path in versions.TESTS}
    assert set(versions.ONLY) <= files
