"""Freed memory is kept where the C library can be told so."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from centergroup_mm.utils.memory import keep_freed_memory

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
def test_pages_are_paid_once():
    environment = {k: v for k, v in os.environ.items() if not k.startswith('MALLOC_')}
    command = [sys.executable, '-c', PROBE]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert not result.returncode, result.stderr
    before, after = map(int, result.stdout.split()[-2:])
    assert 4 * after < before


def test_variables_of_the_user_win(monkeypatch):
    monkeypatch.setenv('MALLOC_ARENA_MAX', '2')
    assert not keep_freed_memory()
