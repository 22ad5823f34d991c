"""Train and predict several times, and compare everything bit for bit.

    python projects/reliability/determinism.py

Each run is a process of its own with the same seed: the losses of all iterations, the weights after
the last one, and the poses that a trained model finds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from small import tiny_config, train

from centergroup_mm.inference import TorchPredictor, load_model
from centergroup_mm.zoo import weights_of

MODEL = 'centergroup_small_synthetic'
CONFIG = Path(__file__).parents[2] / 'configs' / 'centergroup_small256_synthetic.py'


def trained(threads: int, iterations: int, seed: int = 0) -> list[np.ndarray]:
    """Losses and weights of a training."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        runner, losses = train(tiny_config(Path(folder), 16, iterations, seed))
    return [np.array(losses), *(value.numpy() for value in runner.model.state_dict().values())]


def predicted(threads: int, calls: int, seed: int = 0) -> list[np.ndarray]:
    """Poses in drawn scenes; other scenes with another seed."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as name:
        cfg = tiny_config(Path(name), calls, 1)
        scenes = Path(cfg.train_dataloader.dataset.data_root) / 'images'
        images = [cv2.imread(str(path)) for path in sorted(scenes.iterdir())]
    predictor = TorchPredictor(load_model(str(CONFIG), str(weights_of(MODEL)), 'cpu'))
    found = [predictor.find(image[: len(image) - seed]) for image in images]
    return [np.array(field) for poses in found for field in poses]


def run(function: Callable[..., list[np.ndarray]], *arguments: int) -> list[np.ndarray]:
    """Run a function in a process of its own.

    It is forked from one that has done nothing but import packages: a process whose parent has used
    the threads of OpenCV may wait for them forever.
    """
    context = multiprocessing.get_context('forkserver')
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()


def equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    """Whether all arrays are the same, bit for bit."""
    return len(first) == len(second) and all(
        one.shape == two.shape and one.tobytes() == two.tobytes()
        for one, two in zip(first, second, strict=True)
    )


def compare(function: Callable[..., Any], threads: int, number: int, runs: int) -> tuple[int, bool]:
    """Run a function several times.

    Returns:
        how many of the repetitions gave the same as the first run, and whether another seed gave
        something else, as it must.
    """
    first = run(function, threads, number)
    same = sum(equal(first, run(function, threads, number)) for _ in range(runs - 1))
    return same, not equal(first, run(function, threads, number, 1))


def main() -> int:
    """Print a row for each case; exit status 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--iterations', type=int, default=30, help='of a training, default 30')
    parser.add_argument('--images', type=int, default=30, help='of a prediction, default 30')
    parser.add_argument('--runs', type=int, default=3, help='of each case, default 3')
    args = parser.parse_args()
    multiprocessing.set_forkserver_preload(['small', 'centergroup_mm.inference'])
    cases = (
        (trained, args.iterations, 'training, {} iterations'),
        (predicted, args.images, 'prediction, {} images'),
    )
    wrong = False
    print('| what | threads | repetitions | the same, bit for bit | another seed differs |')
    print('|---|---|---|---|---|')
    for function, number, title in cases:
        for threads in (1, 2):
            same, other = compare(function, threads, number, args.runs)
            answer = 'yes' if other else 'no'
            wrong |= same < args.runs - 1 or not other
            row = (title.format(number), threads, args.runs - 1, same, answer)
            print('| ' + ' | '.join(map(str, row)) + ' |', flush=True)
    return int(wrong)


if __name__ == '__main__':
    sys.exit(main())
