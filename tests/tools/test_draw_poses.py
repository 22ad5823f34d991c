"""tools/draw_poses.py: what cannot work ends before anything is drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from centergroup_mm.zoo import weights_of

from ..helpers.tools import Done, run_tool


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with one image."""
    (tmp_path / 'images').mkdir()
    cv2.imwrite(str(tmp_path / 'images/one.png'), np.full((64, 64, 3), 90, np.uint8))
    return tmp_path / 'images'


def draw(config: str, images: Path, out: str) -> Done:
    """Draw with the weights of the small model for synthetic crowds."""
    weights = weights_of('centergroup_small_synthetic')
    name = f'configs/{config}.py'
    root = Path(__file__).resolve().parents[2]
    return run_tool('tools/draw_poses.py', root / name, weights, images, out, cwd=images.parent)


def test_weights_of_another_model_are_refused(images: Path) -> None:
    done = draw('centergroup_tiny_synthetic', images, 'poses.jpg')
    line = done.err.strip().splitlines()[-1]
    assert done.status == 2 and line.startswith('error: ') and 'Traceback' not in done.err
    assert 'centergroup_small_synthetic.pth does not fit the model of the config' in line, line
    assert not (images.parent / 'poses.jpg').exists()


def test_a_place_that_cannot_be_written_is_named(images: Path) -> None:
    (images.parent / 'file').write_text('kept')
    done = draw('centergroup_small_synthetic', images, 'file/poses.jpg')
    line = done.err.strip().splitlines()[-1]
    assert done.status == 2 and line.startswith('error: ') and 'file' in line, done.err
    assert (images.parent / 'file').read_text() == 'kept'
