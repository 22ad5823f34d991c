"""Damage inputs in many ways and look at what becomes of them.

    python projects/reliability/fuzz.py                      # all kinds, seed 0
    python projects/reliability/fuzz.py --kinds images --cases 200 --seed 3 --verbose

Each case is an image, a picture in memory, an annotation file, a checkpoint, a config or a command
line, damaged by random numbers that depend on seed, kind and number alone. It runs in a fork of
this process with a limit of time and memory, and has to end in the right result, or in one line
that names the file or the setting. The exit status is 1 if any does not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from fuzzing import (  # noqa: E402
    annotation_files,
    arrays,
    checkpoints,
    command_lines,
    configs,
    images,
)
from fuzzing.child import run_case  # noqa: E402
from fuzzing.material import Material, make  # noqa: E402
from fuzzing.outcome import BAD, GOOD, MEANING, Outcome  # noqa: E402

KINDS: dict[str, tuple[str, ModuleType]] = {
    'images': ('image files', images),
    'arrays': ('pictures in memory', arrays),
    'annotations': ('annotation files', annotation_files),
    'checkpoints': ('checkpoints', checkpoints),
    'configs': ('configs', configs),
    'commands': ('command lines', command_lines),
}


def outcomes(
    material: Material, kinds: Sequence[str], seed: int, numbers: range
) -> Iterator[Outcome]:
    """Run cases.

    Args:
        material: what is damaged.
        kinds: keys of ``KINDS``.
        seed: of all random numbers.
        numbers: of the cases of each kind.
    """
    for kind in kinds:
        for number in numbers:
            rng = random.Random(f'{seed} {kind} {number}')
            yield run_case(kind, KINDS[kind][1].case(rng, material))


def table(found: Sequence[Outcome]) -> str:
    """Count outcomes by kind of input, as a table in Markdown."""
    results = [*GOOD, *(result for result in BAD if any(one.result == result for one in found))]
    lines = ['| input | cases | ' + ' | '.join(results) + ' | slowest | most memory |']
    lines.append('|---' * (len(results) + 4) + '|')
    for kind, (title, _) in KINDS.items():
        own = [one for one in found if one.kind == kind]
        if own:
            counts = Counter(one.result for one in own)
            cells = [str(counts[result]) for result in results]
            slowest, most = max(one.seconds for one in own), max(one.megabytes for one in own)
            row = [title, str(len(own)), *cells, f'{slowest:.1f} s', f'{most:,.0f} MB']
            lines.append('| ' + ' | '.join(row) + ' |')
    return '\n'.join(lines)


def main() -> int:
    """Run all cases, print what went wrong and the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--kinds', nargs='+', choices=list(KINDS), default=list(KINDS))
    parser.add_argument('--cases', type=int, default=80, help='of each kind, default 80')
    parser.add_argument('--first', type=int, default=0, help='number of the first, default 0')
    parser.add_argument('--seed', type=int, default=0, help='default 0')
    parser.add_argument('--verbose', action='store_true', help='print every case')
    args = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        material = make(Path(folder))
        numbers = range(args.first, args.first + args.cases)
        for number, one in enumerate(outcomes(material, args.kinds, args.seed, numbers)):
            found.append(one)
            if args.verbose or one.result in BAD:
                case = f'{one.kind} {args.first + number % args.cases}: {one.case}'
                text = one.text if args.verbose else ' '.join(one.text.split())[-500:]
                print(f'{one.result}, {one.seconds:.1f} s: {case}: {text}', flush=True)
    print(table(found))
    for result in {one.result for one in found if one.result in BAD}:
        print(f'{result}: {MEANING[result]}')
    return int(any(one.result in BAD for one in found))


if __name__ == '__main__':
    sys.exit(main())
