r"""Peak memory of predictions, and how it grows with the size of the input and with people.

    python projects/photographs/peak_memory.py --onnx photographs.onnx --w32-onnx w32.onnx

Every row is measured in a fresh process: the most memory that the process has held at once during
two predictions, beyond what it held when model and input were loaded.  The photograph model sees a
photograph in the public domain, alone and as a group, with PyTorch and ONNX Runtime.  HRNet-W32,
with flip test, has random weights: with PyTorch it sees maps painted from synthetic crowds, with
ONNX Runtime the photographs, where its keypoints are none of people.  Linux counts this.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmark import build, group, prediction, squared
from benchmarking.case import Case
from benchmarking.machine import machine
from benchmarking.workload import Workload

from centergroup_mm import zoo
from centergroup_mm.deploy.check import open_session
from centergroup_mm.utils import cli
from centergroup_mm.utils.checks import load_config
from centergroup_mm.utils.errors import UserError, run_tool
from centergroup_mm.utils.fusing import fuse_for_inference

STATUS, RESET = Path('/proc/self/status'), Path('/proc/self/clear_refs')
SIZES, PEOPLE = (256, 512, 768), (1, 30)
TORCH, ONNX = 'photographs, PyTorch', 'photographs, ONNX Runtime'
W32, W32_ONNX = 'W32, PyTorch', 'W32, ONNX Runtime'


def held(field: str) -> int:
    """Memory of this process in kB: ``VmRSS`` now, ``VmHWM`` the most since :func:`reset`."""
    found = re.search(rf'{field}:\s+(\d+) kB', STATUS.read_text())
    if found is None:
        raise UserError(f'{STATUS} does not say {field}: this needs Linux')
    return int(found[1])


def peak(call: Callable[[], Any]) -> float:
    """The most memory during two calls beyond what was held before, in MB.

    What loading has left free in the process is returned to the system before, where its C library
    can do so; it would be taken for memory that the calls do not need.
    """
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)
    before = held('VmRSS')
    RESET.write_text('5')  # forget the most that was held
    call()
    call()
    return (held('VmHWM') - before) / 1024


def make_call(kind: str, side: int, people: int, path: str | None) -> Callable[[], Any]:
    """A prediction of one image."""
    if kind == W32:
        work = Workload(load_config('configs/centergroup_w32_coco.py'))
        case = Case(work, work.scenes((side, side), 1, people), 1, True)
        levels = case.levels(people)
        return lambda: case.predict(levels)
    image = group(people)
    if kind in (ONNX, W32_ONNX):
        session = open_session(str(path))
        box = np.array([[0, 0, side, side]], np.float32)
        feed = {'image': squared(image, side)[None], 'content': box}
        return lambda: session.run(None, feed)
    model = fuse_for_inference(build(zoo.PHOTOGRAPHS, zoo.weights_of(zoo.PHOTOGRAPHS)))
    return prediction(model, image, side)


def main() -> None:
    """Measure every row in its own process, and print the table."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('--onnx', help='file of centergroup export, for its rows')
    parser.add_argument('--w32-onnx', metavar='ONNX', help='the same of W32')
    parser.add_argument('--row', nargs=3, help='only this: kind, size and people, in this process')
    args = parser.parse_args()
    if not RESET.exists():
        raise UserError(f'{RESET} is missing: this needs Linux')
    files = {TORCH: None, ONNX: args.onnx, W32: None, W32_ONNX: args.w32_onnx}
    if args.row:
        kind, side, people = args.row
        print(f'{peak(make_call(kind, int(side), int(people), files[kind])):.0f}')
        return
    print(f'{machine("cpu")}, peak in MB beyond the loaded model')
    print('| model | people | ' + ' | '.join(f'{side} x {side}' for side in SIZES) + ' |')
    print('|---' * (len(SIZES) + 2) + '|')
    for kind, path in files.items():
        for people in PEOPLE if path or kind in (TORCH, W32) else ():
            cells = [run_row(kind, side, people, path) for side in SIZES]
            print(f'| {kind} | {people} | ' + ' | '.join(cells) + ' |', flush=True)


def run_row(kind: str, side: int, people: int, path: str | None) -> str:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, '--row', kind, str(side), str(people)]
    command += ['--w32-onnx' if kind == W32_ONNX else '--onnx', path] if path else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f'{kind}, {side}, {people} people: {done.stderr.strip()[-300:]}')
    return done.stdout.split()[-1]


if __name__ == '__main__':
    sys.exit(run_tool(main))
