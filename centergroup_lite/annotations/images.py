"""Checks of the images that an annotation file lists."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

from .report import Annotations, Problem
from .values import id_problem, is_id, is_number


def check_images(found: Annotations) -> None:
    """Check ids, names and sizes of the images of a file; the same image twice is left out once."""
    seen: dict[Any, dict] = {}
    kept = []
    for index, image in enumerate(found.content['images']):
        number = image.get('id')
        if not is_id(number):
            what, remedy = id_problem('id', number)
            found.problems.append(Problem(f'image #{index} of the file: {what}', remedy))
            continue
        if number in seen:
            if seen[number] == image:
                found.left_out['images listed twice'] += 1
                continue
            first, second = seen[number].get('file_name'), image.get('file_name')
            what = f'two images have this id, {first!r} and {second!r}'
            found.problems.append(Problem(what, 'give each image an id of its own', number))
            continue
        seen[number] = image
        kept.append(image)
        problem = _name_problem(image.get('file_name')) or _size_problem(image)
        if problem:
            found.problems.append(Problem(*problem, image=number))
    found.content['images'] = kept


def _name_problem(name: Any) -> tuple[str, str] | None:
    """Fault and remedy of a file name, if it has one."""
    if not isinstance(name, str) or not name or '\0' in name:
        return f'file_name is {name!r:.60}', "say the image's file, from the folder of the images"
    path = PurePosixPath(name.replace('\\', '/'))
    if not path.parts:
        return f'file_name {name!r:.80} is a folder', "say the image's file"
    if path.is_absolute() or path.parts[0].endswith(':') or _leaves(path):
        return (
            f'file_name {name!r:.80} leaves the folder of the images',
            'write it from that folder, and name the folder in data_prefix.img',
        )
    return None


def _leaves(path: PurePosixPath) -> bool:
    depth = 0
    for part in path.parts:
        depth += -1 if part == '..' else 1
        if depth < 0:
            return True
    return False


def _size_problem(image: dict) -> tuple[str, str] | None:
    """Fault and remedy of a size that is no number of pixels; missing ones may be filled later."""
    for side in ('width', 'height'):
        value = image.get(side)
        if value is None:
            continue
        if not is_number(value) or value < 1 or value != int(value):
            return f'{side} is {value!r:.40}', 'write it in pixels'
    return None


def check_files(found: Annotations, folder: Path) -> None:
    """Add a problem if images are not in their folder; each folder is listed once."""
    names = defaultdict(list)
    for image in found.content['images']:
        names[os.path.dirname(image['file_name'])].append(image)
    missing = []
    for inner, images in names.items():
        try:
            with os.scandir(folder / inner) as entries:
                there = {entry.name for entry in entries}
        except OSError:
            there = set()
        missing += [image for image in images if os.path.basename(image['file_name']) not in there]
    if missing:
        what = (
            f'file {missing[0]["file_name"]!r} is not in {folder.absolute()} '
            f'({len(missing):,} of {len(found.content["images"]):,} images are missing)'
        )
        remedy = 'get the images, or name their folder in data_prefix.img'
        found.problems.append(Problem(what, remedy, missing[0]['id']))


def fill_sizes(found: Annotations, folder: Path) -> None:
    """Read sizes that the annotation file does not say from the images."""
    for image in found.content['images']:
        if found.problems:
            return
        if image.get('width') is None or image.get('height') is None:
            size = size_of(folder / image['file_name'])
            if size is None:
                _unreadable(found, image)
            else:
                image['width'], image['height'] = size
                found.repairs['width and height missing, read from the image'] += 1


def check_sizes(found: Annotations, folder: Path) -> None:
    """Compare the sizes of all images with what the annotation file says."""
    swapped: Counter[bool] = Counter()
    for image in found.content['images']:
        size = size_of(folder / image['file_name'])
        stated = (int(image['width']), int(image['height']))
        if size is None:
            _unreadable(found, image)
        elif size != stated:
            swapped[size == stated[::-1]] += 1
            turned = ', width and height swapped' if size == stated[::-1] else ''
            what = f'is {size[0]}x{size[1]} pixels and stated as {stated[0]}x{stated[1]}{turned}'
            found.problems.append(Problem(what, 'correct width and height', image['id']))


def _unreadable(found: Annotations, image: dict) -> None:
    what = f'{image["file_name"]!r} is not a readable image'
    found.problems.append(Problem(what, 'replace it, or remove it from the file', image['id']))


def size_of(path: Path) -> tuple[int, int] | None:
    """(width, height) of an image, turned by its EXIF orientation; None: no image."""
    from PIL import Image  # not needed unless sizes are

    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (image.height, image.width) if turned else (image.width, image.height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
