"""Ratios of several processors, kept side by side."""

from __future__ import annotations

import pytest
from benchmarking.results import PAGE, block, save, table

import centergroup_mm  # noqa: F401
from centergroup_mm.utils.errors import UserError


def test_the_table_of_the_documentation_is_that_of_the_files():
    text = PAGE.read_text()
    assert block() in text, 'run python tools/benchmark.py --save, or write_page()'


def test_results_of_processors_stay_side_by_side(tmp_path):
    row = dict(median=0.8, between=[0.7, 0.85], known=True, rounds=7, met=True)
    row['conditions'] = dict(size=[512, 512], people=1, batch=1)
    given = dict(machine='This (1)', device='cpu', threads=2, config='c', torch='2')
    first = dict(conditions=given, ratio_details=dict(end_to_end_over_ae_1=row))
    path = save(first, tmp_path)
    other = {**row, 'known': False, 'conditions': {**row['conditions'], 'people': 5}}
    save(dict(conditions=given, ratio_details=dict(end_to_end_over_ae_5=other)), tmp_path)
    save({**first, 'conditions': {**given, 'machine': 'That'}}, tmp_path)
    assert path.name == 'this-1-2-threads.json' and len(list(tmp_path.iterdir())) == 2
    heading, _, one, five = table(tmp_path).splitlines()
    assert heading.endswith('| That, 2 threads | This (1), 2 threads |')
    assert one.endswith('| ≤ 0.95 | 0.8 (0.700 to 0.850) | 0.8 (0.700 to 0.850) |')
    assert five.endswith('| 5 | ≤ 0.95 |  | not known (0.700 to 0.850) |')
    with pytest.raises(UserError, match='512x512'):
        other['conditions']['size'] = [64, 64]
        save(dict(conditions=given, ratio_details=dict(end_to_end_over_ae_5=other)), tmp_path)
