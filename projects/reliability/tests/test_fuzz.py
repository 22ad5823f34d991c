"""Damaged inputs end in the right result or in one line; more cases are extended tests."""

from __future__ import annotations

import os
import time
from pathlib import Path

import fuzz
import pytest
import torch
from fuzzing import checkpoints, child
from fuzzing.child import run_case
from fuzzing.material import Material
from fuzzing.outcome import BAD, Case, SilentlyWrong

from centergroup_mm.checkpoints.resume import check_resumable
from centergroup_mm.utils.errors import UserError


def bad(material: Material, kinds: list[str], seed: int, numbers: range) -> list[str]:
    found = fuzz.outcomes(material, kinds, seed, numbers)
    return [f'{one.result}: {one.case}: {one.text[-800:]}' for one in found if one.result in BAD]


@pytest.mark.parametrize('kind', ['images', 'arrays', 'annotations', 'checkpoints', 'commands'])
def test_a_few_cases_of_each_kind(material: Material, kind: str) -> None:
    assert bad(material, [kind], 0, range(3)) == []


@pytest.mark.extended
@pytest.mark.parametrize('kind', list(fuzz.KINDS))
def test_more_cases_of_each_kind(material: Material, kind: str) -> None:
    assert bad(material, [kind], 1, range(25)) == []


def test_changed_heads_of_checkpoints_are_refused_or_lead_to_the_same_weights(
    material: Material, tmp_path: Path
) -> None:
    original = checkpoints.resumable(torch.load(material.weights, weights_only=True))
    expected = checkpoints.expected_of('resume', material)
    path = tmp_path / 'damaged.pth'
    path.write_bytes(original)
    checkpoints.compare(checkpoints.load('resume', path, material), expected)
    refused = []
    for position in range(0, 64, 5):  # the first header: 30 bytes, 16 of a name, padding
        changed = bytearray(original)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        try:
            checkpoints.compare(check_resumable(str(path))['state_dict'], expected)
        except UserError:
            refused.append(position)
    assert {0, 30, 45} <= set(refused) < set(range(0, 64, 5))


def run(function, **settings) -> tuple[str, str]:
    outcome = run_case('kind', Case('case', function, **settings))
    return outcome.result, outcome.text


def fail(error: BaseException):
    def run(folder: Path) -> None:
        raise error

    return run


def test_outcomes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    line = fail(UserError('a.jpg is cut off'))
    assert run(lambda folder: None) == ('sound', '')
    assert run(line, names=('a.jpg',)) == ('one line', 'a.jpg is cut off')
    assert run(line, names=('b.jpg',))[0] == 'unnamed'
    assert run(line, names=('a.jpg',), good=True)[0] == 'refused'
    assert run(fail(SilentlyWrong('other poses'))) == ('silent', 'other poses')
    assert run(fail(KeyError('deep')))[0] == 'traceback'
    assert run(lambda folder: os.abort())[0] == 'traceback'
    assert run(lambda folder: bytearray(2 * child.BYTES))[0] == 'memory'
    monkeypatch.setattr(child, 'SECONDS', 0.2)
    assert run(lambda folder: time.sleep(60))[0] == 'hang'


def test_the_table_counts_outcomes_by_kind() -> None:
    found = [
        fuzz.Outcome('images', 'one', 'sound', '', 1.0, 2.0),
        fuzz.Outcome('images', 'two', 'silent', '', 3.0, 0.0),
    ]
    assert fuzz.table(found).splitlines() == [
        '| input | cases | sound | one line | silent | slowest | most memory |',
        '|---|---|---|---|---|---|---|',
        '| image files | 2 | 1 | 0 | 1 | 3.0 s | 2 MB |',
    ]
