"""Run quick tests with several versions of Python, torch and mmcv, and print a table.

    make versions                                             # all combinations
    python projects/reliability/versions.py --combinations 3.12/newest/mmcv-lite
    python projects/reliability/versions.py --save            # the table into docs/versions.md

For each combination a virtual environment is made with the set-up of `make setup`, torch and mmcv
replaced by the chosen ones; it is removed after its tests. A combination that has a result in --out
is not run again: remove its .json there, or pass --again. One of them downloads up to 4 GB and
needs up to 8 GB of disk for the time being: where the package index has only builds of torch for
CUDA, these are what is installed, and they run on the CPU. PIP_FIND_LINKS and PIP_INDEX_URL lead
pip to smaller builds. mmcv is compiled unless pip finds a wheel of it, which takes an hour on one
core; MAX_JOBS says how many compilers run at a time.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from environments import ROOT, Combination, Environment, NotInstalled, find_python, parse

from centergroup_lite.errors import UserError, run_tool
from centergroup_lite.files import check_folder, write_whole

#: what users have: oldest and newest of each, and both kinds of mmcv
COMBINATIONS = (
    '3.10/oldest/mmcv-lite',
    '3.11/newest/mmcv-lite',
    '3.11/pinned/mmcv',
    '3.12/2.6/mmcv-lite',
    '3.12/newest/mmcv-lite',
)
#: a minute or two on one core: import, codecs, grouping, losses, checkpoints, training, prediction
TESTS = (
    'tests/test_compat.py',
    'tests/codecs',
    'tests/models/grouping/test_grouping_core.py',
    'tests/models/losses',
    'tests/models/task_modules/test_center_hungarian_assigner.py',
    'tests/models/heads/test_centergroup_head.py',
    'tests/datasets/test_bottomup_coco.py',
    'tests/checkpoints/test_load.py',
    'tests/checkpoints/test_safe_loading.py',
    'tests/engine/hooks/test_resuming.py',
    'tests/parity/test_reference.py',
    'tests/pipeline/test_pipeline.py',
    'tests/zoo/test_photographs.py',
)
#: of the longer files, only these tests: small reference values, one training, one prediction; and
#: none of speed, which says nothing on a busy machine
ONLY = {
    'test_center_hungarian_assigner': 'not millisecond',
    'test_compat': 'import_comes_before or operators or plain_content',
    'test_resuming': 'in_any_iteration or newest_complete',
    'test_reference': 'absent or p1_flip or p5_noflip or loss_group or loss_unit or 192_noflip',
    'test_pipeline': 'centergroup_w32_coco',
    'test_photographs': 'portrait or needs_no_config',
}
PAGE = ROOT / 'docs' / 'versions.md'
BEGIN, END = '<!-- versions: begin -->', '<!-- versions: end -->'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--combinations',
        nargs='+',
        default=COMBINATIONS,
        metavar='PYTHON/TORCH/MMCV',
        help=f'TORCH: a version, oldest, newest or pinned; default {" ".join(COMBINATIONS)}',
    )
    parser.add_argument(
        '--out', type=Path, default=ROOT / 'work_dirs/versions',
        help='folder of environments, logs and results, default work_dirs/versions',
    )  # fmt: skip
    parser.add_argument('--again', action='store_true', help='run what has a result too')
    parser.add_argument('--keep', action='store_true', help='leave the environments there')
    parser.add_argument('--save', action='store_true', help=f'put the table into docs/{PAGE.name}')
    parser.add_argument(
        '--build-minutes', type=float, default=90, help='limit of compiling mmcv, default 90'
    )
    return parser.parse_args()


def choose(only: dict[str, str]) -> str:
    """The expression of pytest's -k that takes only some tests of some files."""
    return ' and '.join(f'(not {file} or ({words}))' for file, words in only.items())


def check(combination: Combination, args: argparse.Namespace) -> dict[str, Any]:
    """Make the environment of a combination, test it, remove it, and keep the result.

    Returns:
        ``combination``; ``reason`` if it could not be made, otherwise ``versions``, what
        :func:`run_tests` has, and ``setup_seconds``.
    """
    result: dict[str, Any] = dict(combination=str(combination))
    base = find_python(combination.python)
    if base is None:
        reason = f'python{combination.python} is not there: pyenv install {combination.python}'
        return {**result, 'reason': f'{reason}, or put it on PATH'}
    log = args.out / f'{combination.name}.log'
    environment = Environment(combination, args.out / combination.name, log, args.build_minutes)
    try:
        started = time.monotonic()
        environment.make(base)
        result['setup_seconds'] = round(time.monotonic() - started)
        result.update(versions=environment.versions(), **run_tests(environment))
    except NotInstalled as error:
        result['reason'] = f'{error}; see {log.name}'
    finally:
        if not args.keep:
            environment.remove()
    if 'reason' not in result:
        with write_whole(result_file(combination, args.out)) as partial:
            partial.write_text(json.dumps(result, indent=1) + '\n')
    return result


def run_tests(environment: Environment) -> dict[str, Any]:
    """Run the quick tests in an environment.

    Returns:
        what :func:`read_report` has.
    """
    report = environment.log.with_suffix('.xml')
    report.unlink(missing_ok=True)
    command = [environment.python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-k']
    command += [choose(ONLY), f'--junit-xml={report.resolve()}', *TESTS]
    try:
        environment.run(command, 'pytest')
    except NotInstalled:
        if not report.is_file():
            raise
    return read_report(report)


def read_report(path: Path) -> dict[str, Any]:
    """Count the outcomes in a JUnit file of pytest.

    Returns:
        numbers of tests that ``passed``, ``failed`` and were ``skipped``; ``failures``, the names
        of those that failed; ``seconds``, what they took together.
    """
    suites = ElementTree.parse(path)
    seconds = sum(float(suite.get('time', 0)) for suite in suites.iter('testsuite'))
    passed, skipped = 0, 0
    failures = []
    for case in suites.iter('testcase'):
        if case.find('failure') is not None or case.find('error') is not None:
            failures.append(f'{case.get("classname")}::{case.get("name")}')
        elif case.find('skipped') is not None:
            skipped += 1
        else:
            passed += 1
    counts = dict(passed=passed, failed=len(failures), skipped=skipped)
    return dict(**counts, failures=failures, seconds=round(seconds))


def result_file(combination: Combination, out: Path) -> Path:
    """Where the result of a combination is kept."""
    return out / f'{combination.name}.json'


def table(results: Sequence[dict[str, Any]]) -> str:
    """Results as a table in Markdown; what could not be made has a line with the reason."""
    lines = ['| Python | torch | mmcv | numpy | passed | failed | skipped | tests, s | set-up, s |']
    lines.append('|---' * 9 + '|')
    for result in results:
        if 'reason' in result:
            python, torch, mmcv = result['combination'].split('/')
            cells = [python, torch, mmcv, f'not run: {result["reason"]}', *[''] * 5]
        else:
            found = result['versions']
            mmcv = next(name for name in ('mmcv', 'mmcv-lite') if name in found)
            kind = f'{mmcv} {found[mmcv]}' + (', compiled' if mmcv == 'mmcv' else '')
            cells = [found['python'], found['torch'], kind, found['numpy']]
            keys = ('passed', 'failed', 'skipped', 'seconds', 'setup_seconds')
            cells += [str(result[key]) for key in keys]
        lines.append('| ' + ' | '.join(cell.replace('|', '/') for cell in cells) + ' |')
    return '\n'.join(lines)


def save(text: str, page: Path = PAGE) -> None:
    """Put the table between its marks in the documentation."""
    old = page.read_text()
    if BEGIN not in old or END not in old:
        raise UserError(f'{page} has no marks {BEGIN} and {END} for the table')
    new = re.sub(f'{BEGIN}.*{END}', lambda _: f'{BEGIN}\n{text}\n{END}', old, flags=re.DOTALL)
    with write_whole(page) as partial:
        partial.write_text(new)


def main() -> None:
    """Run what has no result yet, print the table, and end with an error if something failed."""
    args = parse_args()
    combinations = [parse(text) for text in args.combinations]
    check_folder('--out', args.out)
    results = []
    for combination in combinations:
        kept = result_file(combination, args.out)
        if kept.is_file() and not args.again:
            print(f'{combination}: has a result in {kept}', flush=True)
            results.append(json.loads(kept.read_text()))
            continue
        print(f'{combination}: set-up and tests', flush=True)
        results.append(check(combination, args))
        for name in results[-1].get('failures', []):
            print(f'{combination}: failed: {name}', flush=True)
    text = table(results)
    with write_whole(args.out / 'versions.md') as partial:
        partial.write_text(text + '\n')
    print(text)
    if args.save:
        save(text)
    wrong = [result['combination'] for result in results if result.get('failures')]
    if wrong:
        raise UserError(f'tests failed with {", ".join(wrong)}: see the logs in {args.out}')


if __name__ == '__main__':
    sys.exit(run_tool(main))
