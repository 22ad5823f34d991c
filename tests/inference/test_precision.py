"""Predictions in bfloat16, and the choice between precisions by what the processor can do."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from matplotlib import cbook

from centergroup_lite import predict
from centergroup_lite.poses import Poses
from centergroup_mm.inference import TorchPredictor, load_model
from centergroup_mm.utils import precision


@pytest.fixture(scope='module')
def model() -> torch.nn.Module:
    return load_model(device='cpu')


def poses(model: torch.nn.Module, name: str) -> Poses:
    with cbook.get_sample_data('grace_hopper.jpg') as file:
        image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    return TorchPredictor(model, name).find(image)


def test_bfloat16_finds_the_same_person_a_rounding_away(model: torch.nn.Module) -> None:
    exact, rounded = poses(model, 'float32'), poses(model, 'bfloat16')
    best = exact.keypoint_scores[0] > 0.8
    apart = np.linalg.norm(exact.keypoints[0] - rounded.keypoints[0], axis=-1)[best]
    assert best.sum() > 4 and 0 < apart.max() < 5  # of the photograph's 512 x 600 pixels
    assert rounded.scores[0] == pytest.approx(exact.scores[0], abs=0.05)


@pytest.mark.parametrize(
    'text, wanted',
    [
        ('flags\t\t: fpu avx512f amx_bf16 amx_tile\n', 'bfloat16'),
        ('flags\t\t: fpu avx2 avx512_bf16\n', 'float32'),
        ('Features\t: fp asimd\n', 'float32'),
    ],
)
def test_the_processor_decides(
    text: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, 'CPUINFO', tmp_path / 'cpuinfo')
    assert precision.fastest_precision('cpu') == 'float32'  # not Linux
    precision.CPUINFO.write_text(f'processor\t: 0\n{text}')
    assert precision.fastest_precision('cpu') == wanted
    assert precision.fastest_precision('cuda:0') == 'float32'


def test_a_predictor_that_chooses_is_one_of_the_others(
    model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(precision, 'CPUINFO', tmp_path / 'cpuinfo')
    precision.CPUINFO.write_text('flags\t: amx_bf16\n')
    assert np.array_equal(poses(model, 'auto').keypoints, poses(model, 'bfloat16').keypoints)
    precision.CPUINFO.write_text('flags\t: avx2\n')
    assert np.array_equal(poses(model, 'auto').keypoints, poses(model, 'float32').keypoints)


def test_a_file_or_a_precision_that_does_not_exist_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    arguments = ['predict', 'a.jpg', '--onnx', 'm.onnx', '--precision', 'auto']
    monkeypatch.setattr('sys.argv', arguments)
    with pytest.raises(SystemExit):
        predict.parse_args()
    assert 'has its precision inside: leave out --precision' in capsys.readouterr().err
    with pytest.raises(ValueError, match='precision must be one of float32, bfloat16'):
        precision.autocast('float8', 'cpu')
