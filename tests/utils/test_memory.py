"""Freed memory is kept where the C library can be told so."""

from __future__ import annotations

import os
import platform

import pytest

from centergroup_mm.utils.memory import keep_freed_memory

from ..helpers.tools import run_tool

PROBE = """
import resource, torch
from centergroup_mm.utils.memory import keep_freed_memory

def faults():
    for _ in range(8):  # blocks find their places
        torch.ones(2 ** 24)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(2 ** 24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
assert keep_freed_memory()
print(first, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='needs the GNU C library')
def test_pages_are_paid_once(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith('MALLOC_')]:
        monkeypatch.delenv(name)
    (tmp_path / 'probe.py').write_text(PROBE)
    done = run_tool(str(tmp_path / 'probe.py'), cwd=tmp_path)
    assert done.status == 0, done.err
    before, after = map(int, done.out.split()[-2:])
    assert 4 * after < before


def test_variables_of_the_user_win(monkeypatch):
    monkeypatch.setenv('MALLOC_ARENA_MAX', '2')
    assert not keep_freed_memory()
