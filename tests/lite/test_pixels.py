"""Pictures of any kind become the array that they mean, or one line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from centergroup_lite.errors import UserError
from centergroup_lite.pixels import to_bgr

PICTURE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
PICTURE[0, 0] = (255, 0, 128)
GRAY = PICTURE[..., 0]


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (PICTURE, PICTURE),
        (PICTURE.astype(np.int64), PICTURE),
        (PICTURE.astype(np.uint16) * 257, PICTURE),
        (PICTURE.astype(np.uint16), PICTURE),
        (PICTURE.astype(np.float32), PICTURE),
        (PICTURE / 255.0, PICTURE),
        ((PICTURE / 255.0).astype(np.float16), PICTURE),
        (np.dstack([PICTURE, GRAY]), PICTURE),
        (GRAY, np.dstack([GRAY] * 3)),
        (GRAY[..., None], np.dstack([GRAY] * 3)),
        (PICTURE[:, ::-1], PICTURE[:, ::-1]),
        (cv2.imencode('.png', PICTURE)[1].tobytes(), PICTURE),
        (Image.fromarray(PICTURE[..., ::-1].copy()), PICTURE),
        (Image.fromarray(GRAY.copy()), np.dstack([GRAY] * 3)),
    ],
    ids=lambda value: f'{type(value).__name__} {getattr(value, "dtype", "")}',
)
def test_what_can_be_one_picture_only_is_converted(given, expected):
    found = to_bgr(given)
    assert found.dtype == np.uint8 and np.array_equal(found, expected)


def test_an_array_of_bytes_is_not_copied():
    assert np.shares_memory(to_bgr(PICTURE), PICTURE)


def test_a_photograph_of_pil_is_turned_as_its_camera_says():
    picture = Image.fromarray(PICTURE[..., ::-1].copy())
    picture.getexif()[0x0112] = 6
    assert np.array_equal(to_bgr(picture), np.rot90(PICTURE, -1))


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (None, 'photo is None'),
        (3, 'photo is a int'),
        ([[1, 2]], 'photo is a list'),
        (b'', 'photo holds no image that can be read (0 bytes)'),
        (b'no image', 'photo holds no image that can be read (8 bytes)'),
        (np.zeros((0, 5, 3), np.uint8), 'photo is an empty array [0, 5, 3]'),
        (np.zeros((3, 5, 7), np.uint8), '[3, 5, 7], channels first: transpose it'),
        (np.zeros((5, 7, 2), np.uint8), 'photo is an array [5, 7, 2]:'),
        (np.zeros(5, np.uint8), 'photo is an array [5]:'),
        (np.zeros((2, 5, 7, 3), np.uint8), 'photo is an array [2, 5, 7, 3]:'),
        (PICTURE > 3, 'photo is an array of bool'),
        (PICTURE.astype(complex), 'photo is an array of complex128'),
        (PICTURE.astype(object), 'photo is an array of object'),
        (PICTURE - 300.0, 'float64, its values -300 to -45'),
        (PICTURE.astype(np.int32) * 300, 'int32, its values 0 to 7.65e+04'),
        (np.full((5, 7, 3), np.nan), 'not finite'),
    ],
)
def test_everything_else_is_refused_in_one_line(given, message):
    with pytest.raises(UserError) as error:
        to_bgr(given, 'photo')
    assert message in str(error.value) and '\n' not in str(error.value)


def test_a_tensor_is_refused_because_its_layout_is_unknown():
    torch = pytest.importorskip('torch')
    with pytest.raises(UserError, match=r'photo is a torch\.Tensor: pass an array'):
        to_bgr(torch.zeros(3, 5, 7), 'photo')
