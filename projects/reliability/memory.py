"""Watch memory, open files and threads over thousands of predictions and many validation rounds.

    python projects/reliability/memory.py

The images change their size and shape from call to call, and come back after a hundred calls. Torch
keeps what it has prepared for a shape, so that an image adds a few kB when it is new, and later
nothing. --all-new gives every call another image. Memory is what the system counts for the process
(resident set).
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from small import tiny_config, train

from centergroup_mm.inference import TorchPredictor, load_model
from centergroup_mm.synthetic import write_dataset
from centergroup_mm.zoo import weights_of

MODEL = 'centergroup_small_synthetic'
CONFIG = Path(__file__).parents[2] / 'configs' / 'centergroup_small256_synthetic.py'
#: the config of the model with images of 64 pixels instead of 256
SMALL = f"""_base_ = ['{CONFIG}']
val_dataloader = dict(dataset=dict(pipeline=[
    dict(type='LoadPoseImage'),
    dict(type='CenterGroupResize', input_size=(64, 64)),
    dict(type='PackPoseInputs', meta_keys=(
        'id', 'img_id', 'img_path', 'ori_shape', 'img_shape', 'input_size', 'input_center',
        'input_scale', 'flip', 'flip_direction', 'flip_indices', 'raw_ann_info',
        'dataset_name'))]))
test_dataloader = val_dataloader
"""
#: calls that fill caches: each image has been seen then
WARM = 200
#: different images
STOCK = 100


class Use(NamedTuple):
    """What a process holds: memory in MB, open files, threads."""

    megabytes: float
    files: int
    threads: int


def use() -> Use:
    """Look at this process, after what is not referenced any more is gone."""
    gc.collect()
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    size = pages * os.sysconf('SC_PAGE_SIZE') / 2**20
    return Use(size, len(os.listdir('/proc/self/fd')) - 1, len(os.listdir('/proc/self/task')))


def watch(call: Callable[[int], object], number: int, warm: int, every: int) -> list[Use]:
    """Call a function many times.

    Args:
        call: gets the number of the call.
        number: of calls.
        warm: calls before the first measurement that counts.
        every: calls between two measurements after these.

    Returns:
        use before the first call, after ``warm`` calls, and after every ``every`` further ones.
    """
    found = [use()]
    for index in range(number):
        with open(os.devnull, 'w') as nowhere, redirect_stdout(nowhere):  # tables of metrics
            call(index)
        if index + 1 >= warm and (index + 1 - warm) % every == 0:
            found.append(use())
    return found


def slope(found: list[Use], every: int) -> float:
    """KB that a call adds after the first measurement of :func:`watch`, by least squares."""
    memory = [one.megabytes * 1024 for one in found[1:]]
    return float(np.polyfit(np.arange(len(memory)) * every, memory, 1)[0])


def predictions(folder: Path, stock: int) -> Callable[[int], object]:
    """A function that finds people in an image whose size is another in each call.

    Args:
        folder: for what the model needs.
        stock: images after which they come again.
    """
    path = folder / 'small.py'
    path.write_text(SMALL)
    predictor = TorchPredictor(load_model(str(path), str(weights_of(MODEL)), 'cpu'))
    sizes = np.random.default_rng(0).integers(20, 400, (stock, 2))
    write_dataset(folder / 'scene', 'demo', 1, 5, (400, 400), progress=False)
    scene = cv2.imread(str(next((folder / 'scene' / 'images').iterdir())))

    def call(index: int) -> object:
        height, width = sizes[index % stock]
        return predictor.find(scene[:height, :width])

    return call


def validations(folder: Path) -> Callable[[int], object]:
    """A function that evaluates a model on drawn scenes."""
    cfg = tiny_config(folder, 4, 1)
    cfg.train_cfg.val_interval = 10  # never: the rounds are those of the function
    runner = train(cfg, validate=True)[0]
    return lambda index: runner.val_loop.run()


def main() -> int:
    """Print a row for predictions and one for validations; exit status 1 if any grows."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--calls', type=int, default=2000, help='predictions, default 2000')
    parser.add_argument('--rounds', type=int, default=20, help='validations, default 20')
    parser.add_argument(
        '--all-new', action='store_true', help='no image twice, instead of a hundred in turn'
    )
    args = parser.parse_args()
    pictured = partial(predictions, stock=args.calls if args.all_new else STOCK)
    torch.set_num_threads(1)
    wrong = False
    print(
        '| what | number | MB before | MB warm | MB after | KB for each, two halves | open files '
        '| threads |\n'
        '|---|---|---|---|---|---|---|---|'
    )
    for title, make, number, warm, every in (
        ('predictions', pictured, args.calls, min(WARM, args.calls // 2), 20),
        ('validations', validations, args.rounds, 3, 1),
    ):
        with tempfile.TemporaryDirectory() as folder:
            found = watch(make(Path(folder)), number, warm, every)
        before, first, last = found[0], found[1], found[-1]
        middle = len(found) // 2
        rates = slope(found[: middle + 1], every), slope(found[middle:], every)
        row = [title, number, *(f'{one.megabytes:.1f}' for one in (before, first, last))]
        row += [
            ' then '.join(f'{rate:+.2f}' for rate in rates),
            f'{first.files} → {last.files}',
            f'{first.threads} → {last.threads}',
        ]
        print('| ' + ' | '.join(map(str, row)) + ' |', flush=True)
        grown = last.files > first.files or last.threads > first.threads
        wrong |= grown or last.megabytes > 1.05 * first.megabytes
    return int(wrong)


if __name__ == '__main__':
    sys.exit(main())
