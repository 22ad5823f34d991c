"""Writes sets of synthetic scenes as ordinary COCO and CrowdPose files."""

import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ..utils.errors import UserError
from ..utils.files import naming, write_whole
from .labels import Person
from .presets import get_preset
from .scene import make_scene
from .skeleton import COCO_JOINTS, COCO_LINKS, CROWDPOSE_JOINTS, CROWDPOSE_LINKS

GENERATOR_VERSION = '1.1'
FORMATS = {'coco': ('coco',), 'crowdpose': ('crowdpose',), 'both': ('coco', 'crowdpose')}
FILE_NAMES = {'coco': 'person_keypoints.json', 'crowdpose': 'crowdpose.json'}
_JOINTS = {'coco': (COCO_JOINTS, COCO_LINKS), 'crowdpose': (CROWDPOSE_JOINTS, CROWDPOSE_LINKS)}
_JPEG_QUALITY = 92
#: folder of a set that is being drawn
_UNFINISHED = '.unfinished'


def write_dataset(
    out_dir: str | os.PathLike,
    preset: str = 'full',
    num: int = 100,
    seed: int = 0,
    size: tuple[int, int] = (256, 256),
    fmt: str = 'coco',
    workers: int = 0,
    progress: bool = True,
    overwrite: bool = False,
) -> dict[str, str]:
    """Write a set of scenes: ``images/000000.jpg`` and so on, annotation files, ``manifest.json``.

    Everything is drawn into a folder inside ``out_dir`` and moved to its place at the end, so that
    a set which is replaced is lost neither to an interruption nor to a full disk. A call that finds
    the same set complete does nothing; one that finds it incomplete makes it again, with the same
    result.

    Args:
        out_dir: folder to write to.
        preset: ``full`` or ``demo``.
        num: number of scenes, at least 1.
        seed: number of the set, at least 0.
        size: width and height of the images in pixels.
        fmt: ``coco``, ``crowdpose`` or ``both``.
        workers: processes that draw scenes; 0 draws in this process. Where they are spawned
            (not on Linux), a script needs the usual ``if __name__ == '__main__'`` guard.
        progress: show a progress bar.
        overwrite: replace a different set in ``out_dir``.

    Returns:
        paths by ``images``, ``manifest`` and ``coco`` and/or ``crowdpose``.

    Raises:
        ValueError: an argument is out of range.
        FileExistsError: ``out_dir`` holds something else, and ``overwrite`` is not given.
        UserError: a file cannot be written, or a worker was killed.
    """
    _check_arguments(preset, num, seed, size, fmt, workers)
    size = (int(size[0]), int(size[1]))
    out_dir = Path(out_dir)
    manifest = {
        'preset': preset, 'seed': int(seed), 'num': int(num), 'size': list(size), 'format': fmt,
        'generator': GENERATOR_VERSION, 'complete': True,
    }  # fmt: skip
    paths = {'images': str(out_dir / 'images'), 'manifest': str(out_dir / 'manifest.json')}
    paths.update({name: str(out_dir / FILE_NAMES[name]) for name in FORMATS[fmt]})
    if already_written(out_dir, manifest):
        return paths
    _check_room(out_dir, manifest, overwrite)
    with _unfinished(out_dir) as partial:
        tables = {name: _empty_table(name, preset, seed) for name in FORMATS[fmt]}
        jobs = [(str(partial), preset, int(seed), index, size) for index in range(num)]
        for index, (persons, indices) in enumerate(_draw_all(jobs, workers, progress)):
            for name, table in tables.items():
                _add_scene(table, name, index, size, persons, indices[name])
        for name, table in tables.items():
            _write_json(partial / FILE_NAMES[name], table)
        _write_json(partial / 'manifest.json', manifest)
        _move(partial, out_dir)
    return paths


def _check_arguments(
    preset: str, num: int, seed: int, size: tuple[int, int], fmt: str, workers: int
) -> None:
    """Raise a ValueError if an argument of :func:`write_dataset` is out of range."""
    get_preset(preset)
    if fmt not in FORMATS:
        raise ValueError(f'unknown format {fmt!r}: choose from {", ".join(FORMATS)}')
    for name, value, least in (('num', num, 1), ('seed', seed, 0), ('workers', workers, 0)):
        if value < least:
            raise ValueError(f'{name} must be at least {least}, got {value}')
    if len(size) != 2 or min(size) < 32:
        raise ValueError(f'size must be at least 32 x 32 pixels, got {" x ".join(map(str, size))}')


def _check_room(out_dir: Path, manifest: dict, overwrite: bool) -> None:
    """Raise a FileExistsError if the folder may not be written to.

    It may if it is empty, if it holds the same set unfinished, or if ``overwrite`` is given.
    """
    if out_dir.exists() and not out_dir.is_dir():
        raise FileExistsError(f'{out_dir} is a file, not a folder')
    occupied = out_dir.exists() and any(path.name != _UNFINISHED for path in out_dir.iterdir())
    if occupied and not overwrite and not _same_set(_read_manifest(out_dir), manifest):
        raise FileExistsError(f'{out_dir} holds something else already')


@contextmanager
def _unfinished(out_dir: Path) -> Iterator[Path]:
    """Make an empty folder in ``out_dir``, and remove it at the end, with ``out_dir`` if it is new.

    A folder that a killed process has left is replaced.
    """
    new, partial = not out_dir.exists(), out_dir / _UNFINISHED
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with naming(out_dir):
            (partial / 'images').mkdir(parents=True)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if new and out_dir.is_dir() and not any(out_dir.iterdir()):
            out_dir.rmdir()


def _move(partial: Path, out_dir: Path) -> None:
    """Put a complete set where another one may be, of which the manifest goes first."""
    with naming(out_dir):
        (out_dir / 'images').mkdir(parents=True, exist_ok=True)
        _clear(out_dir)
        for path in (partial / 'images').iterdir():
            path.replace(out_dir / 'images' / path.name)
        for name in (*FILE_NAMES.values(), 'manifest.json'):
            if (partial / name).exists():
                (partial / name).replace(out_dir / name)


def already_written(out_dir: str | os.PathLike, manifest: dict) -> bool:
    """Whether ``out_dir`` holds the complete set that ``manifest`` describes."""
    out_dir = Path(out_dir)
    found = _read_manifest(out_dir)
    if not (_same_set(found, manifest) and found.get('complete')):
        return False
    names = [FILE_NAMES[name] for name in FORMATS[manifest['format']]]
    last = f'images/{manifest["num"] - 1:06d}.jpg'
    return all((out_dir / name).is_file() for name in [*names, last])


def _read_manifest(out_dir: Path) -> dict:
    try:
        found = json.loads((out_dir / 'manifest.json').read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _same_set(found: dict, manifest: dict) -> bool:
    return all(found.get(key) == value for key, value in manifest.items() if key != 'complete')


def _clear(out_dir: Path) -> None:
    """Remove what an earlier call wrote; anything else in the folder is left alone."""
    for name in ('manifest.json', *FILE_NAMES.values()):
        (out_dir / name).unlink(missing_ok=True)
    for path in (out_dir / 'images').glob('[0-9]' * 6 + '.jpg'):
        path.unlink()


def _write_json(path: Path, content: dict) -> None:
    with write_whole(path) as partial:
        partial.write_text(json.dumps(content, separators=(',', ':')))


def _draw(job: tuple) -> tuple[list[Person], dict[str, float]]:
    """Draw one scene and write its image; returns its people and both crowd indices."""
    out_dir, preset, seed, index, size = job
    scene = make_scene(preset, seed, index, size)
    path = os.path.join(out_dir, 'images', f'{index:06d}.jpg')
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    with naming(path):
        Path(path).write_bytes(cv2.imencode('.jpg', scene.image, options)[1].tobytes())
    indices = {'coco': scene.crowd_index, 'crowdpose': scene.crowd_index_crowdpose}
    return scene.persons, indices


def _draw_all(jobs: list[tuple], workers: int, progress: bool) -> Iterator[tuple]:
    """Draw the scenes in order, in this process or in ``workers`` others."""
    from tqdm import tqdm

    def show(results: Iterator[tuple]) -> Iterator[tuple]:
        return tqdm(results, total=len(jobs), unit='img', disable=not progress, file=sys.stderr)

    if workers == 0:
        yield from show(map(_draw, jobs))
        return
    # A forked process need not import the package again, which takes seconds. OpenCV's threads do
    # not survive a fork and do not help with images this small, so they are turned off before.
    method = 'fork' if sys.platform == 'linux' else 'spawn'
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        # Ctrl-C is for the parent, which then ends the workers.
        quiet = (signal.SIGINT, signal.SIG_IGN)
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(workers, context, signal.signal, quiet) as pool:
            yield from show(pool.map(_draw, jobs, chunksize=8))
    except BrokenProcessPool as error:
        raise UserError(
            'a process that draws scenes was killed, maybe because memory ran out: use fewer '
            'workers'
        ) from error
    finally:
        cv2.setNumThreads(threads)


def _empty_table(name: str, preset: str, seed: int) -> dict:
    joints, links = _JOINTS[name]
    return {
        'info': {
            'description': f'synthetic crowds, preset {preset}, seed {seed}',
            'version': GENERATOR_VERSION,
        },
        'licenses': [],
        'images': [],
        'annotations': [],
        'categories': [
            {
                'id': 1,
                'name': 'person',
                'supercategory': 'person',
                'keypoints': list(joints),
                'skeleton': [[first + 1, second + 1] for first, second in links],
            }
        ],
    }


def _add_scene(
    table: dict,
    name: str,
    index: int,
    size: tuple[int, int],
    persons: list[Person],
    crowd_index: float,
) -> None:
    """Append one image and its people; ids start at 1 like those of COCO."""
    table['images'].append(
        {
            'id': index + 1,
            'file_name': f'{index:06d}.jpg',
            'width': size[0],
            'height': size[1],
            'crowdIndex': round(crowd_index, 4),
        }
    )
    for person in persons:
        keypoints = person.keypoints if name == 'coco' else person.crowdpose_keypoints
        table['annotations'].append(
            {
                'id': len(table['annotations']) + 1,
                'image_id': index + 1,
                'category_id': 1,
                'iscrowd': int(person.iscrowd),
                'num_keypoints': int((keypoints[:, 2] > 0).sum()),
                'keypoints': _flat(keypoints),
                'bbox': [round(float(value), 2) for value in person.bbox],
                'area': round(float(person.area), 2),
                'segmentation': person.segmentation,
            }
        )


def _flat(keypoints: np.ndarray) -> list:
    """[K, 3] -> [x1, y1, v1, x2, ...] with visibilities as integers."""
    flat = []
    for x, y, visible in keypoints.tolist():
        flat += [round(x, 2), round(y, 2), int(visible)]
    return flat
