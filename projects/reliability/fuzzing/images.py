"""Image files: damaged, of unusual kinds and sizes, and what only looks like an image."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from centergroup_lite.sources import read_image

from .commands import command
from .damage import DAMAGES
from .material import Material
from .outcome import Case, SilentlyWrong

#: [h x w] of images that are long, thin, tiny or large
SIZES = ((1, 1), (1, 5000), (5000, 1), (64, 4000), (8, 500), (2, 3), (3000, 4000))
MODES = ('1', 'L', 'LA', 'P', 'RGBA', 'CMYK', 'I;16', 'F')
NAMES = ('a b.jpg', '.hidden.jpg', '-x.jpg', 'ünï✓.png', 'a%s{}.jpg', 'name', 'q\'".jpg', 'x.JPEG')


def case(rng: random.Random, material: Material) -> Case:
    """One image file and ``centergroup predict``."""
    kind = rng.choice(('bytes',) * 5 + ('size', 'mode', 'name', 'special'))
    source = rng.choice(material.images)
    name = source.name
    write = None
    if kind == 'bytes':
        how = rng.choice(DAMAGES)
        data = how(source.read_bytes(), rng)
        title = f'{how.__name__} {name}'
    elif kind == 'size':
        height, width = rng.choice(SIZES)
        name = rng.choice(('image.png', 'image.jpg'))
        pixels = np.random.default_rng(rng.randrange(9)).integers(0, 256, (height, width, 3))
        data = cv2.imencode(Path(name).suffix, pixels.astype(np.uint8))[1].tobytes()
        title = f'{height}x{width} {name}'
    elif kind == 'mode':
        mode = rng.choice(MODES)
        name = rng.choice(('mode.png', 'mode.tif', 'mode.jpg', 'mode.webp'))
        title = f'mode {mode} {name}'
        data, write = b'', _mode_writer(mode, material.images[0])
    elif kind == 'name':
        name = rng.choice(NAMES)
        data = source.read_bytes()
        title = f'{source.name} called {name}'
    else:
        what = rng.choice(SPECIALS)
        name, data, write = 'special.jpg', b'', what
        title = what.__name__.strip('_')

    def run(folder: Path) -> None:
        path = folder / name
        if write is None:
            path.write_bytes(data)
        else:
            write(path)
        given = [f'./{name}', '--out', 'out', '--config', material.config]
        command('predict', *given, '--checkpoint', material.weights)
        check_pixels(path)
        check_poses(folder / 'out' / f'{path.stem}_poses.json', read_image(path).shape[:2])

    return Case(title, run, (name,), good=kind in ('size', 'name') or title == 'turned')


def check_pixels(path: Path) -> None:
    """Compare what is read with what another library reads, for formats that both know."""
    image = read_image(path)
    if path.read_bytes()[:4] not in (b'\x89PNG', b'\xff\xd8\xff\xe0'):
        return
    try:
        with Image.open(path) as opened:
            deep = opened.mode.startswith('I')
            pixels = np.asarray(ImageOps.exif_transpose(opened).convert('RGB'))[..., ::-1]
    except Exception as error:
        raise SilentlyWrong(f'read, and Pillow says {error}') from error
    if image.shape != pixels.shape:
        raise SilentlyWrong(f'read as {image.shape}, Pillow reads {pixels.shape}')
    apart = np.abs(image.astype(float) - pixels).mean()
    if apart > 8 and not deep:  # Pillow cuts 16-bit values off
        raise SilentlyWrong(f'pixels differ by {apart:.1f} on average from those of Pillow')


def check_poses(path: Path, size: tuple[int, int]) -> None:
    """Poses are finite and not far from the image."""
    reach = 2.0 * max(size) + 64
    for person in json.loads(path.read_text()):
        points = np.array(person['keypoints'], dtype=float)
        values = [*points.flat, *person['keypoint_scores'], person['bbox_score']]
        if points.shape != (17, 2) or not np.isfinite(values).all() or np.abs(points).max() > reach:
            raise SilentlyWrong(f'a pose far from the image of {size}: {points.tolist()}')


def _mode_writer(mode: str, scene: Path):
    """Write a scene in a mode of Pillow; the next possible one if the format lacks it."""

    def write(path: Path) -> None:
        with Image.open(scene) as image:
            if mode in ('I;16', 'F'):
                gray = np.asarray(image.convert('L'))
                scaled = gray.astype(np.uint16) * 257 if mode == 'I;16' else gray.astype('f4')
                converted = Image.fromarray(scaled)
            else:
                converted = image.convert(mode)
            try:
                converted.save(path)
            except OSError:
                converted.save(path.with_suffix('.tif'))
                os.replace(path.with_suffix('.tif'), path)

    return write


def _empty(path: Path) -> None:
    path.write_bytes(b'')


def _text(path: Path) -> None:
    path.write_text('this is no image')


def _link_to_nothing(path: Path) -> None:
    path.symlink_to('nothing')


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _empty_folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to('/dev/zero')


def _bomb(path: Path) -> None:
    """A small file that unpacks to 900 million pixels."""
    import struct
    import zlib

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack('>I', len(content)) + name + content + struct.pack('>I', check)

    size = struct.pack('>IIBBBBB', 30000, 30000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(30001 * 100))
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', size) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')
    )


def _turned(path: Path) -> None:
    """A photograph whose camera says that it is turned."""
    image = Image.fromarray(np.full((40, 90, 3), 128, np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif)


SPECIALS = (
    _empty, _text, _link_to_nothing, _link_to_itself, _empty_folder, _pipe, _endless, _bomb,
    _turned,
)  # fmt: skip
