"""What the photograph model costs: tables of processors, and peak memory."""

from __future__ import annotations

import ctypes
import mmap

import peak_memory  # before the other, as it puts tools/ on the path
import pytest
import speed_results


def test_results_of_processors_stay_side_by_side(tmp_path):
    folder = tmp_path / 'results'
    clear, vague = [0.5, 0.51, 0.5, 0.49, 0.5, 0.5], [0.5, 2.0, 0.9, 1.3, 0.6, 1.1]
    for machine, speed in (('Left', 20.0), ('Right', 40.126)):
        given = dict(machine=machine, threads=2, torch='2', rounds=6)
        speed_results.save(given, {'ours, 256': speed}, {'a / b': clear, 'c / d': vague}, folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        'left-2-threads.json',
        'right-2-threads.json',
    ]
    lines = speed_results.table(folder).splitlines()
    assert lines[0] == '| images a second | Left, 2 threads | Right, 2 threads |'
    assert '| ours, 256 | 20.0 | 40.13 |' in lines
    assert any(line.startswith('| a / b | 0.5 (0.49 to 0.51)') for line in lines)
    assert any(line.startswith('| c / d | not known') for line in lines)


def test_the_table_of_the_documentation_is_that_of_the_files():
    assert speed_results.block() in speed_results.PAGE.read_text()


def test_pairs_that_were_not_timed_have_no_ratio():
    seconds = {'x': [1.0, 2.0], 'y': [2.0, 8.0]}
    found = speed_results.pairs(seconds, {'x / y': ('x', 'y'), 'x / z': ('x', 'z')})
    assert found == {'x / y': [0.5, 0.25]}


@pytest.mark.skipif(
    not peak_memory.RESET.exists(), reason='Linux tells the peak memory of a process'
)
def test_peak_memory_is_what_a_call_holds_at_once():
    def twice_in_turn() -> None:
        for _ in range(2):
            with mmap.mmap(-1, 80 * 2**20) as block:  # not of the heap, which keeps what is freed
                for _ in range(80):
                    block.write(bytes(2**20))

    assert 70 < peak_memory.peak(twice_in_turn) < 110


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), 'malloc_trim'), reason='this C library keeps what is freed'
)
def test_memory_that_was_free_before_counts():
    def blocks() -> list[bytes]:
        return [bytes(2000) for _ in range(40_000)]

    kept = [blocks(), bytes(2000)]  # the last one keeps the others from the end of the heap
    del kept[0]
    assert 70 < peak_memory.peak(lambda: len(blocks())) < 110
