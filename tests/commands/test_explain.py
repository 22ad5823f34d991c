"""``centergroup explain``: a page and a picture for an image, and refusals before any work."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from centergroup_mm.commands import explain
from centergroup_mm.utils.errors import UserError

from ..conftest import ROOT
from ..helpers.exported import checkpoint, short_config


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / 'noise.png'
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    cv2.imwrite(str(path), noise)
    return path


def call(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: object) -> None:
    """Run the command in a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, 'argv', ['centergroup explain', *map(str, words)])
    explain.main()


def test_a_page_and_panels_are_written_and_replaced_only_when_told(
    image, tmp_path, monkeypatch, capsys
):
    model = ['--config', short_config(), '--checkpoint', checkpoint(short_config())]
    words = [image, *model, '--picture', 'panels.jpg', '--device', 'cpu', '--score-thr', '0']
    call(monkeypatch, tmp_path, *words)
    page = (tmp_path / 'noise_explained.html').read_text('utf-8')
    assert page.startswith('<!doctype html>') and 'data:image/jpeg;base64,' in page
    panels = cv2.imread(str(tmp_path / 'panels.jpg'))
    assert panels.shape[1] > 2 * 640 and np.ptp(panels) > 100
    assert 'noise_explained.html: ' in (said := capsys.readouterr().out) and 'panels.jpg' in said
    with pytest.raises(UserError, match=r'noise_explained\.html.*--overwrite'):
        call(monkeypatch, tmp_path, *words)
    call(monkeypatch, tmp_path, *words, '--overwrite')


def test_the_photograph_model_is_the_default(image, tmp_path, monkeypatch):
    call(monkeypatch, tmp_path, image, '--out', 'page.html', '--device', 'cpu')
    page = (tmp_path / 'page.html').read_text('utf-8')
    assert '"appearance"' in page and '"geometry"' in page and 'right shoulder' in page


@pytest.mark.parametrize(
    'words, message',
    [
        (['missing.png'], 'missing.png does not exist'),
        (['noise.png', '--picture', 'panels.gif'], 'panels.gif: name a .png or .jpg file'),
        (['noise.png', '--out', 'noise.png'], 'noise.png.*--overwrite'),
    ],
)
def test_what_cannot_work_is_refused_before_the_model_is_read(
    image, tmp_path, monkeypatch, words, message
):
    monkeypatch.setattr(explain, 'load_explained', None)
    with pytest.raises(UserError, match=message):
        call(monkeypatch, tmp_path, *words)


def test_a_model_without_attention_is_refused(tmp_path):
    from mmpose.apis import init_model  # after the package

    config, weights = ROOT / 'configs/movenet_coco.py', tmp_path / 'weights.pth'
    torch.save({'state_dict': init_model(str(config), None, device='cpu').state_dict()}, weights)
    with pytest.raises(UserError, match=r'movenet_coco\.py: a MoveNetHead has no attention'):
        explain.load_explained(str(config), str(weights), 'cpu')
