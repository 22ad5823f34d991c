"""What is wrong with an image file, as far as that shows before its pixels are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: pixels of the largest image that is decoded, which needs 0.8 GB; OpenCV's own bound is four times
#: as high, and a file of a few kilobytes can claim as many
MOST_PIXELS = 2**28

_PNG = b'\x89PNG\r\n\x1a\n'


def fault_of_path(path: Path) -> str:
    """Say why a path cannot be read as a file, '' if it can.

    Reading a pipe or a device might never end.
    """
    if path.is_file():
        return '' if path.stat().st_size else 'is empty'
    return 'is no file' if path.exists() else 'does not exist'


def fault_of(data: bytes) -> str:
    """Say why the content of an image file should not be decoded, '' if it can be.

    Args:
        data: of a JPEG, PNG or BMP file; of other formats nothing is found. OpenCV fills up what is
            missing of a file that is cut off.
    """
    width, height, complete = 0, 0, True
    if data.startswith(b'\xff\xd8'):
        width, height, complete = _look_at_jpeg(data)
    elif data.startswith(_PNG):
        width, height = (int.from_bytes(data[at : at + 4], 'big') for at in (16, 20))
        complete = _png_ends(data)
    elif data.startswith(b'BM'):
        width, height = (
            abs(int.from_bytes(data[at : at + 4], 'little', signed=True)) for at in (18, 22)
        )
    if width * height > MOST_PIXELS:
        return f'has {width}x{height} pixels, more than {MOST_PIXELS:,}'
    return '' if complete else 'is cut off'


def _png_ends(data: bytes) -> bool:
    """Walk through the chunks of a PNG file to the last one."""
    place = len(_PNG)
    while data[place + 4 : place + 8] != b'IEND':  # length, name, content, checksum
        if place + 12 > len(data):
            return False
        place += 12 + int.from_bytes(data[place : place + 4], 'big')
    return True


def _look_at_jpeg(data: bytes) -> tuple[int, int, bool]:
    """Width and height of a JPEG file, 0 if it does not tell, and whether its end is there."""
    width = height = 0
    for marker, place in _segments(data):
        if marker == 0xD9:
            return width, height, True
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame begins
            height = int.from_bytes(data[place + 5 : place + 7], 'big')
            width = int.from_bytes(data[place + 7 : place + 9], 'big')
    return width, height, False


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the markers of a JPEG file and their places, as far as they are where they should."""
    place = 2
    while 0 <= place < len(data) - 1 and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fills up
            place += 1
            continue
        yield marker, place
        place += 2 + int.from_bytes(data[place + 2 : place + 4], 'big')
        if marker == 0xDA:  # compressed pixels follow, in which 0xFF has a 0 or a restart behind it
            place = data.find(b'\xff', place)
            while 0 <= place < len(data) - 1 and data[place + 1] in (0, *range(0xD0, 0xD8)):
                place = data.find(b'\xff', place + 2)
