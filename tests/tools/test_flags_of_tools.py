"""Flags of the scripts in ``tools/`` have their effect, those that no other file tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from centergroup_mm.zoo import weights_of

from ..conftest import ROOT
from ..helpers.tools import refused

CONFIG = ROOT / 'configs' / 'centergroup_small256_synthetic.py'


@pytest.mark.slow
def test_flags_of_draw_poses(three_scenes: Path, tmp_path: Path, call: Callable) -> None:
    model = (CONFIG, weights_of('centergroup_small_synthetic'), three_scenes / 'images')

    def draw(out: str, *options: object) -> np.ndarray:
        assert call('draw_poses.py', *model, out, '--device', 'cpu', *options)[0] == 0
        return cv2.imread(str(tmp_path / out))

    row = draw('row.png', '--side', '64')
    column = draw('column.png', '--side', '64', '--columns', '1')
    assert column.shape[0] > 2 * row.shape[0] and row.shape[1] > 2 * column.shape[1]
    two = draw('two.png', '--side', '64', '--columns', '1', '--num', '2')
    rest = draw('rest.png', '--side', '64', '--columns', '1', '--first', '2')
    assert column.shape[0] > two.shape[0] > rest.shape[0]
    assert draw('large.png', '--side', '128').shape[0] > row.shape[0]
    for flag in ('--score-thr', '--visible-thr'):
        assert np.any(draw(f'{flag[2:]}.png', '--side', '64', flag, '2') != row)
    assert refused(call('draw_poses.py', *model, 'row.png'), '--overwrite')
    draw('row.png', '--overwrite')


@pytest.mark.slow
def test_flags_of_train_grouping(three_scenes: Path, tmp_path: Path, call: Callable) -> None:
    weights = weights_of('centergroup_movenet_photos')
    data = 'grouping_dataloader.dataset.'
    options = [f'{data}data_root={three_scenes}', f'{data}ann_file=person_keypoints.json']
    options += [f'{data}data_prefix.img=images']

    def train(out: str, *words: object) -> tuple[int, str]:
        words = (*words, '--views', 2, '--max-images', 2, '--out', out, '--cfg-options', *options)
        config = ROOT / 'configs' / 'centergroup_movenet_photos.py'
        return call('train_grouping.py', config, weights, *words)

    status, output = train('one.pth', '--epochs', 1, '--batch-size', 2, '--seed', 1)
    assert status == 0, output
    assert 'detector: 4 of 4 views' in output and 'epoch 1 of 1:' in output
    assert train('batch.pth', '--epochs', 1, '--batch-size', 4, '--seed', 1)[0] == 0
    assert train('seed.pth', '--epochs', 1, '--batch-size', 2, '--seed', 2)[0] == 0
    first, *others = (torch.load(tmp_path / f'{name}.pth', weights_only=True)
                      for name in ('one', 'batch', 'seed'))  # fmt: skip
    for other in others:
        assert any((other['state_dict'][key] != x).any() for key, x in first['state_dict'].items())
    assert refused(train('one.pth', '--epochs', 1), '--overwrite')
    assert train('one.pth', '--epochs', 1, '--overwrite')[0] == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_a_gpu_that_is_not_there_is_said_in_one_line(tmp_path: Path, call: Callable) -> None:
    (tmp_path / 'model.onnx').write_bytes(b'')
    (tmp_path / 'image.png').write_bytes(b'')
    assert refused(call('run_onnx.py', 'model.onnx', 'image.png', '--cuda'), 'CUDA')
    assert refused(call('benchmark.py', '--device', 'cuda', '--quick'), '--device')


def test_the_config_of_the_demo_is_looked_for_first(tmp_path: Path, call: Callable) -> None:
    assert refused(call('run_demo.py', '--config', 'missing.py'), 'missing.py')
    assert list(tmp_path.iterdir()) == []
