"""Checks and repairs of the annotations of people.

Columns of the whole file are checked with numpy; entries are looked at one by one only where
something is wrong or missing.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from .joints import check_joints
from .regions import AREA_OF_BOX, box_of_joints, box_of_region, region_of_box, usable_region
from .report import Annotations, Problem
from .values import id_problem, is_id, is_number


def check_people(found: Annotations, num_keypoints: int | None) -> None:
    """Check all annotations of a file and repair them in place, see ``read_annotations``.

    Args:
        found: with images and categories checked; gets problems, repairs and what was left out.
        num_keypoints: K; None takes it from the file.
    """
    people = _known_people(found)
    _fill_ids(found)
    number = num_keypoints or _own_number(found, people)
    joints = check_joints(found, people, number)
    images = {image['id']: image for image in found.content['images']}
    gone = set()
    for entry, visible in zip(people, joints, strict=True):
        if visible is None:  # a problem
            continue
        problem = _repair_values(found, entry, visible, images[entry['image_id']])
        if problem == _NOTHING:
            gone.add(id(entry))
        elif problem:
            found.blame(entry, *problem)
    if gone:
        found.left_out['people with neither joints nor a region'] += len(gone)
        left = [entry for entry in found.content['annotations'] if id(entry) not in gone]
        found.content['annotations'] = left


def count_people(found: Annotations) -> dict[str, int]:
    """Count what there is, see ``Annotations.counts``."""
    entries = found.content['annotations']
    crowds = sum(1 for entry in entries if entry['iscrowd'])
    labeled = [labeled_joints(entry) for entry in entries if not entry['iscrowd']]
    used = {entry['image_id'] for entry in entries}
    return dict(
        images=len(found.content['images']),
        empty=sum(1 for image in found.content['images'] if image['id'] not in used),
        people=sum(1 for joints in labeled if joints),
        joints=sum(labeled),
        unlabeled=sum(1 for joints in labeled if not joints),
        crowds=crowds,
    )


def labeled_joints(entry: dict) -> int:
    """Number of joints with a visibility above 0."""
    return sum(1 for flag in entry['keypoints'][2::3] if flag > 0)


# ---- which annotations are people ----------------------------------------------------------

_NOTHING = ('', '')


def _known_people(found: Annotations) -> list[dict]:
    """Annotations of people in images of the file; the others are left out or are problems."""
    images = {image.get('id') for image in found.content['images'] if is_id(image.get('id'))}
    poses = {category.get('id') for category in found.pose_categories}
    categories = {category.get('id') for category in found.content['categories']}
    only = next(iter(poses)) if len(categories) == 1 else None
    kept, people, bad = [], [], 0
    for index, entry in enumerate(found.content['annotations']):
        image, category = entry.get('image_id'), entry.get('category_id')
        entry.setdefault('id', None)
        place = entry['id'] if is_id(entry['id']) else f'#{index} of the file'
        problem = None
        if category is None and only is not None:
            category = entry['category_id'] = only
            found.repairs['category_id missing, there is one category'] += 1
        if not is_id(image):
            problem = id_problem('image_id', image)
        elif image not in images:
            remedy = 'add the image to the file or remove the annotation'
            problem = (f'image_id {image} is not among the images', remedy)
        elif not is_id(category) or category not in categories:
            listed = ', '.join(str(number) for number in sorted(categories, key=str)[:5])
            problem = (f'category_id is {category!r:.40}', f'the categories of the file: {listed}')
        elif entry['id'] is not None and not is_id(entry['id']):
            problem = id_problem('id', entry['id'])
        if problem:
            found.problems.append(Problem(*problem, image=image, annotation=place))
            bad += 1
        elif category not in poses:
            found.left_out['annotations of categories without keypoints'] += 1
        else:
            kept.append(entry)
            people.append(entry)
    found.content['annotations'] = kept
    return people


def _fill_ids(found: Annotations) -> None:
    """Give annotations without an id, or with one that is in use, a free one."""
    seen: dict[int, dict] = {}
    doubles, without = [], []
    for entry in found.content['annotations']:
        number = entry['id']
        if number is None:
            without.append(entry)
        elif number in seen:
            doubles.append(entry)
        else:
            seen[number] = entry
    same = {id(entry) for entry in doubles if entry == seen[entry['id']]}
    if same:
        found.left_out['annotations listed twice'] += len(same)
        left = [entry for entry in found.content['annotations'] if id(entry) not in same]
        found.content['annotations'] = left
    free = max([0, *seen]) + 1
    for entries, what in ((doubles, 'used twice'), (without, 'missing')):
        for entry in entries:
            if id(entry) not in same:
                entry['id'] = free
                free += 1
                found.repairs[f'id of an annotation {what}'] += 1


# ---- joints --------------------------------------------------------------------------------


def _own_number(found: Annotations, people: list[dict]) -> int | None:
    """K as the file says it: of its categories, or of most of its annotations."""
    listed = {len(category.get('keypoints') or ()) for category in found.pose_categories} - {0}
    if len(listed) == 1:
        return listed.pop()
    joints = (entry.get('keypoints') for entry in people)
    sizes = Counter(len(value) for value in joints if isinstance(value, list) and value)
    for size, _ in sizes.most_common(1):
        return size // 3 if size % 3 == 0 else None
    return None


# ---- everything else -----------------------------------------------------------------------


def _repair_values(
    found: Annotations, entry: dict, visible: np.ndarray, image: dict
) -> tuple[str, str] | None:
    """Check and repair all but the joints of a person.

    Returns:
        fault and remedy, ``_NOTHING`` if the annotation says nothing at all, or None.
    """
    crowd = entry.get('iscrowd')
    if crowd is None:
        entry['iscrowd'] = 0
        found.repairs['iscrowd missing, taken as 0'] += 1
    elif crowd not in (0, 1) or isinstance(crowd, str):
        return f'iscrowd is {crowd!r:.40}', 'write 0, or 1 for a region of several people'
    labeled = int((visible > 0).sum())
    _repair_number(found, entry, visible, labeled)
    problem = _repair_box(found, entry, labeled, image)
    if problem:
        return problem
    if entry['iscrowd'] or not labeled:  # a region of an image that is masked in training
        region = _region_of(entry, image)
        if region is None:
            region = [region_of_box(entry['bbox'])]
            found.repairs['regions without a mask, their box is masked'] += 1
        entry['segmentation'] = region
    return _repair_area(found, entry)


def _repair_number(found: Annotations, entry: dict, visible: np.ndarray, labeled: int) -> None:
    """Count the labeled joints, unless the number is stated; datasets count in different ways.

    CrowdPose counts the visible ones only, and its metric ignores people without.
    """
    stated = entry.get('num_keypoints')
    none = (labeled == 0, not (visible == 2).any())
    if stated is None:
        entry['num_keypoints'] = labeled
        found.repairs['num_keypoints missing, counted'] += 1
    elif not is_id(stated) or stated < 0 or (stated == 0) not in none:
        entry['num_keypoints'] = labeled
        found.repairs['num_keypoints contradicts the joints, counted'] += 1


def _region_of(entry: dict, image: dict) -> list | dict | None:
    """The usable part of the segmentation of an annotation."""
    size = (int(image.get('width') or 0), int(image.get('height') or 0))
    return usable_region(entry.get('segmentation'), size)


def _repair_box(
    found: Annotations, entry: dict, labeled: int, image: dict
) -> tuple[str, str] | None:
    """Check the box, or take it from the mask or the joints."""
    box = entry.get('bbox')
    if box is not None:
        if not isinstance(box, list) or len(box) != 4:
            return f'bbox is {box!r:.60}', 'write left, top, width and height'
        for name, value in zip(('left', 'top', 'width', 'height'), box, strict=True):
            if not is_number(value) or (name in ('width', 'height') and value < 0):
                remedy = 'correct it, or remove bbox and it is taken from the joints'
                return f'{name} of bbox is {value!r:.40}', remedy
        if box[2] > 0 and box[3] > 0:
            return None
    region = _region_of(entry, image)
    if region is not None:
        entry['bbox'], source = box_of_region(region), 'its mask'
    elif labeled:
        entry['bbox'], source = box_of_joints(entry['keypoints']), 'its joints'
    else:
        return _NOTHING
    what = 'missing' if box is None else 'without extent'
    found.repairs[f'bbox {what}, taken from {source}'] += 1
    return None


def _repair_area(found: Annotations, entry: dict) -> tuple[str, str] | None:
    """Check the area, or take it from the box."""
    area = entry.get('area')
    if area is not None and (not is_number(area) or area < 0):
        return f'area is {area!r:.40}', 'correct it, or remove it and it is taken from the box'
    if not area:
        entry['area'] = AREA_OF_BOX * entry['bbox'][2] * entry['bbox'][3]
        what = 'missing' if area is None else '0'
        found.repairs[f'area {what}, taken from the box'] += 1
    return None
