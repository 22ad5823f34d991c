"""Reading and checking of a whole annotation file."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .images import check_files, check_images, check_sizes, fill_sizes
from .people import check_people, count_people
from .report import Annotations, Problem
from .values import is_id


def read_annotations(
    path: str | Path,
    num_keypoints: int | None = None,
    images: str | Path | None = None,
    sizes: bool = False,
    need_people: bool = False,
    sizes_from: str | Path | None = None,
    need_sizes: bool = True,
) -> Annotations:
    """Read an annotation file in COCO's keypoint format, check it and repair what is unambiguous.

    Nothing is written. Repaired are, without guessing:

    - ``id`` of annotations, if missing or used twice: a number that is free
    - ``categories`` and ``category_id``, if missing and there can be one category only
    - ``keypoints`` without visibilities: (0, 0) is not labeled, everything else is visible
    - people without ``keypoints``: people without labeled joints
    - ``num_keypoints``, if missing or contradicted by the joints: counted
    - ``bbox``, if missing or without extent: that of the mask, or of the labeled joints
    - ``area``, if missing or 0: 0.53 of the box, as COCO has it
    - ``iscrowd``, if missing: 0
    - ``segmentation`` of crowd regions and people without joints, if there is none: the box
    - ``width`` and ``height`` of images, if missing and the images are there

    Args:
        path: a local file.
        num_keypoints: K of the skeleton with which the file is used; default that of its
            categories, or else what most annotations have.
        images: folder of the images; if given, all have to be there.
        sizes: also compare the sizes of all images with the file, which opens each of them.
        need_people: a file without labeled joints is a problem.
        sizes_from: folder of the images, if only missing sizes are to be read there.
        need_sizes: images without width and height are a problem.

    Returns:
        the content and what was found.
    """
    found = Annotations(str(path))
    content = _load(found)
    if content is None:
        return found
    found.content = content
    _check_lists(found)
    if found.problems:
        return found
    check_images(found)
    if images is not None and not found.problems:
        check_files(found, Path(images))
    folder = images if images is not None else sizes_from
    if folder is not None and not found.problems:
        fill_sizes(found, Path(folder))
        if sizes and not found.problems:
            check_sizes(found, Path(folder))
    _check_categories(found)
    if need_sizes:
        _check_known_sizes(found)
    check_people(found, num_keypoints)
    if not found.problems:
        found.counts = count_people(found)
        if need_people and not found.counts['people']:
            remedy = 'nothing can be learned or evaluated: name a file with keypoints'
            found.problems.append(Problem('no person has a labeled joint', remedy))
    return found


def _load(found: Annotations) -> dict | None:
    """Parse the file, or add a problem."""
    remedy = "name a file in COCO's keypoint format"
    try:
        with open(found.path, encoding='utf-8') as file, _without_collection():
            content = json.load(file)
    except OSError as error:
        found.problems.append(Problem(f'cannot be read: {error.strerror or error}', remedy))
        return None
    except (ValueError, RecursionError) as error:
        empty = Path(found.path).stat().st_size == 0
        what = 'is empty' if empty else f'is not JSON: {" ".join(str(error).split())[:120]}'
        found.problems.append(Problem(what, remedy))
        return None
    if not isinstance(content, dict):
        what = f'holds a {type(content).__name__}, not an object with images and annotations'
        found.problems.append(Problem(what, remedy))
        return None
    return content


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep the garbage collector from looking through millions of new objects again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check_lists(found: Annotations) -> None:
    """Look for the lists that the format has, and replace them by copies of their entries."""
    for name in ('images', 'annotations', 'categories'):
        entries = found.content.get(name)
        if entries is None and name == 'categories':
            found.content[name] = []
            continue
        if not isinstance(entries, list):
            what = f'has no list of {name}' if entries is None else f'{name} is not a list'
            found.problems.append(Problem(what, "name a file in COCO's keypoint format"))
            continue
        wrong = next((i for i, entry in enumerate(entries) if not isinstance(entry, dict)), None)
        if wrong is not None:
            what = f'entry {wrong} of {name} is {entries[wrong]!r:.60}, not an object'
            found.problems.append(Problem(what, 'remove or correct it'))
    if not found.problems and not found.content['images']:
        found.problems.append(Problem('lists no images', 'name a file with images'))


def _check_categories(found: Annotations) -> None:
    """Check ids of the categories; without categories all annotations are people."""
    categories = found.content['categories']
    ids = Counter(_hashable(category.get('id')) for category in categories)
    for category in categories:
        number, name = category.get('id'), category.get('name')
        if not is_id(number):
            what = f'category {name!r} has the id {number!r}'
            found.problems.append(Problem(what, 'ids are whole numbers: number the categories'))
        elif ids[number] > 1:
            what = f'two categories have the id {number}'
            found.problems.append(Problem(what, 'give each category a number of its own'))
            return
    if categories or found.problems:
        return
    used = {_hashable(entry.get('category_id', 1)) for entry in found.content['annotations']} or {1}
    if len(used) > 1 or not all(is_id(number) for number in used):
        what = f'has no categories, and annotations of {len(used)} of them'
        found.problems.append(Problem(what, 'add the list of categories'))
        return
    found.content['categories'] = [dict(id=used.pop(), name='person')]
    found.repairs['categories missing, all annotations are people'] += 1


def _check_known_sizes(found: Annotations) -> None:
    """Every image needs a size, in the file or, if missing there, from its image."""
    for image in found.content['images']:
        if found.problems:
            return
        for side in ('width', 'height'):
            if image.get(side) is None:
                remedy = 'add it, in pixels'
                found.problems.append(Problem(f'{side} is missing', remedy, image.get('id')))


def _hashable(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, type(None))) else repr(value)
