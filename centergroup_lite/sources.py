"""Images, videos and cameras, read one frame at a time."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')  # broken files are reported by this package
import cv2
import numpy as np

from .errors import UserError
from .image_files import fault_of, fault_of_path

IMAGES = {'.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff'}
VIDEOS = {'.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v'}
#: of a video that does not tell
USUAL_RATE = 25.0
#: a video is cut off if it has a smaller share of the frames that its header promises; headers of
#: some formats only estimate the number
COMPLETE = 0.95


#: what the names of drawings end with
DRAWN = '_poses'


class Unreadable(Exception):
    """An image or video cannot be read to its end; the message names it and says why."""


class Source(NamedTuple):
    """One image, video or camera.

    ====== ============================================================
    name   what results are called: the file's name without its ending
    path   the file; of a camera its number
    kind   ``'image'``, ``'video'`` or ``'camera'``
    ====== ============================================================
    """

    name: str
    path: Path
    kind: str


def find_sources(words: Sequence[str]) -> list[Source]:
    """Find what a command line names.

    Args:
        words: files, folders, patterns such as ``'holiday/*.jpg'``, or the number of a camera. Of a
            folder all images and videos are taken in the order of their names.

    Raises:
        UserError: a word fits nothing, or results of two sources would have one name.
    """
    sources = [source for word in words for source in _expand(word)]
    names: dict[str, Source] = {}
    for source in sources:
        other = names.setdefault(source.name, source)
        if other is not source:
            raise UserError(
                f'{other.path} and {source.path}: results are called by the name without ending, '
                f'{source.name}: run them separately, with a folder of their own each (--out)'
            )
    return sources


def _expand(word: str) -> list[Source]:
    """Find the sources that one word of the command line means."""
    path = Path(word)
    if word.isdigit() and not path.exists():
        return [Source(f'camera{word}', path, 'camera')]
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGES | VIDEOS)
        names = {p.stem for p in found}  # drawings of an earlier run are left out
        found = [p for p in found if p.stem.removesuffix(DRAWN) not in names - {p.stem}]
        if not found:
            raise UserError(f'{path} holds no images ({" ".join(sorted(IMAGES))}) and no videos')
    elif path.exists():
        found = [path]
    else:
        found = sorted(Path(name) for name in glob.glob(word, recursive=True))
        found = [p for p in found if p.is_file()]
        if not found:
            kind = 'pattern' if glob.has_magic(word) else 'file, folder or camera number'
            raise UserError(f'{word} not found: no such {kind}')
    kinds = ['video' if p.suffix.lower() in VIDEOS else 'image' for p in found]
    return [Source(p.stem, p, kind) for p, kind in zip(found, kinds, strict=True)]


def read_image(path: Path) -> np.ndarray:
    """Read an image, turned as its EXIF data say, as MMPose does.

    Returns:
        [H x W x 3] uint8, BGR.

    Raises:
        Unreadable: it is no image, too large, or cut off; OpenCV itself fills up what is missing.
    """
    fault = fault_of_path(path)
    try:
        data = b'' if fault else path.read_bytes()
    except OSError as error:
        raise Unreadable(f'{path} cannot be read: {error.strerror}, left out') from error
    fault = fault or fault_of(data)
    if fault:
        raise Unreadable(f'{path} {fault}, left out')
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # such as more pixels than OpenCV reads
        image = None
    if image is None:
        raise Unreadable(f'{path} is not a readable image, left out')
    return image


class Video:
    """Frames of a video file or a camera, of which one at a time is in memory.

    Args:
        source: the file or camera.

    ======= ==============================================================
    rate    frames a second
    total   number of frames that the file promises, 0 if it does not tell
    ======= ==============================================================

    Raises:
        Unreadable: it cannot be opened; while reading, it ends too early.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        live = source.kind == 'camera'
        self._capture = cv2.VideoCapture(int(source.path.name) if live else str(source.path))
        if not self._capture.isOpened():
            what = f'camera {source.path} cannot be opened'
            raise Unreadable(what if live else f'{source.path} is not a readable video, left out')
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate < 1000 else USUAL_RATE
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.total = 0 if live else max(int(count), 0)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield frames [H x W x 3] uint8, BGR."""
        number = 0
        while True:
            found, frame = self._capture.read()
            if not found:
                break
            number += 1
            yield frame
        if number == 0:
            raise Unreadable(f'{self.source.path} is not a readable video, left out')
        if number < COMPLETE * self.total:
            raise Unreadable(f'{self.source.path} ends after {number} of {self.total} frames')

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._capture.release()


class VideoSink:
    """A video file that is written.

    Args:
        path: an .mp4 file.
        rate: frames a second.
        size: (W, H) of the frames.

    Raises:
        OSError: OpenCV cannot write a video there.
    """

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        code = cv2.VideoWriter.fourcc(*'mp4v')
        self._writer = cv2.VideoWriter(str(path), code, rate, size)
        if not self._writer.isOpened():
            raise OSError('this OpenCV writes no videos there')
        self.path, self.close, self._frames = path, self._writer.release, 0

    def write(self, frame: np.ndarray) -> None:
        """Write a frame [H x W x 3] uint8, BGR."""
        self._writer.write(frame)
        self._frames += 1

    def check(self) -> None:
        """Raise an OSError if the closed file lacks frames; OpenCV does not name a full disk."""
        capture = cv2.VideoCapture(str(self.path))
        found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if found < self._frames:
            raise OSError(f'it holds {found} of {self._frames} frames')
