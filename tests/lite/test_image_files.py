"""Files that should not be decoded are known by their first bytes and their segments."""

from __future__ import annotations

import os
import struct

import cv2
import numpy as np
import pytest

from centergroup_lite.image_files import MOST_PIXELS, fault_of
from centergroup_lite.sources import Unreadable, read_image

from .spots import image_of

CUT = 'is cut off'


@pytest.mark.parametrize('ending', ['.jpg', '.png'])
@pytest.mark.parametrize('share', [0.2, 0.6, 0.95])
def test_a_file_that_is_cut_off_is_no_image(tmp_path, ending, share):
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = cv2.imencode(ending, image)[1].tobytes()
    assert fault_of(data) == ''
    assert fault_of(data + b'what some cameras append \xff\xda') == '', 'whole, and more'
    assert fault_of(data[: int(len(data) * share)]) == CUT
    path = tmp_path / f'x{ending}'
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Unreadable, match='is cut off'):
        read_image(path)


def test_progressive_jpeg_files_are_whole():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    flags = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
    data = cv2.imencode('.jpg', image, flags)[1].tobytes()
    assert data.count(b'\xff\xda') > 1
    assert fault_of(data) == '' and fault_of(data[:-2]) == CUT


def test_a_thumbnail_inside_does_not_hide_that_the_photograph_is_cut_off():
    photograph = cv2.imencode('.jpg', image_of((5, 5, 60)))[1].tobytes()
    thumbnail = b'Exif\0\0' + cv2.imencode('.jpg', image_of(size=(8, 8)))[1].tobytes()
    segment = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    data = photograph[:2] + segment + photograph[2:]
    assert fault_of(data) == ''
    assert fault_of(data[:-10]) == CUT


@pytest.mark.parametrize('ending', ['.png', '.jpg', '.bmp'])
def test_a_small_file_that_claims_too_many_pixels_is_not_decoded(tmp_path, ending):
    data = bytearray(cv2.imencode(ending, image_of((5, 5, 60)))[1].tobytes())
    side = 40_000
    if ending == '.png':
        data[16:24] = struct.pack('>II', side, side)
    elif ending == '.bmp':
        data[18:26] = struct.pack('<ii', side, -side)  # from top to bottom
    else:
        frame = data.index(b'\xff\xc0')
        data[frame + 5 : frame + 9] = struct.pack('>HH', side, side)
    path = tmp_path / f'bomb{ending}'
    path.write_bytes(data)
    with pytest.raises(Unreadable, match=f'has 40000x40000 pixels, more than {MOST_PIXELS:,}'):
        read_image(path)


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / 'pipe.jpg')
    (tmp_path / 'endless.jpg').symlink_to('/dev/zero')
    (tmp_path / 'loop.jpg').symlink_to('loop.jpg')
    (tmp_path / 'empty.jpg').touch()
    for name, fault in (
        ('pipe.jpg', 'is no file'),
        ('endless.jpg', 'is no file'),
        ('loop.jpg', 'does not exist'),
        ('gone.jpg', 'does not exist'),
        ('empty.jpg', 'is empty'),
    ):
        with pytest.raises(Unreadable, match=f'{name} {fault}'):
            read_image(tmp_path / name)
