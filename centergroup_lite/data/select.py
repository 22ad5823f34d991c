"""An annotation file with some of the keypoints of another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..annotations import read_annotations
from ..errors import UserError
from ..files import check_target, write_whole


def select_keypoints(
    source: str, target: str, wanted: Sequence[str], overwrite: bool = False
) -> None:
    """Write an annotation file with some keypoints of another, in the order of ``wanted``.

    Boxes, areas and people stay as they are; people without any of the keypoints are kept, because
    training masks them. Links of the skeleton stay where both of their ends do.

    Args:
        source: annotation file in COCO's keypoint format.
        target: the file to write.
        wanted: names of keypoints, as in the categories of ``source``.
        overwrite: replace ``target`` if it is there.

    Raises:
        UserError: the file is wrong, a name is not in it or given twice, or ``target`` exists.
    """
    check_target(target, overwrite)
    found = read_annotations(source)
    if found.problems:
        raise UserError(f'{source} is wrong: centergroup data check {source} lists what')
    if len(set(wanted)) < len(wanted):
        raise UserError(f'--keypoints {" ".join(wanted)}: each name once')
    content: dict[str, Any] = dict(found.content)
    content['categories'] = [
        _category(category, wanted, source) if category.get('keypoints') else category
        for category in content['categories']
    ]
    places = {
        category['id']: [category['keypoints'].index(name) for name in wanted]
        for category in found.content['categories']
        if category.get('keypoints')
    }
    if not places:
        raise UserError(f'{source}: its categories name no keypoints, so none can be selected')
    content['annotations'] = [
        _person(person, places[person['category_id']])
        for person in content['annotations']
        if person['category_id'] in places
    ]
    with write_whole(target) as partial:
        partial.write_text(json.dumps(content))
    labeled = sum(person['num_keypoints'] > 0 for person in content['annotations'])
    print(f'{target}: {len(wanted)} keypoints, {labeled} people with one or more of them')


def _category(category: dict, wanted: Sequence[str], source: str) -> dict:
    """A category with the keypoints that are wanted."""
    names = category['keypoints']
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UserError(f'{source}: no keypoint {unknown[0]}, it has {", ".join(names)}')
    number = {names.index(name) + 1: index for index, name in enumerate(wanted, 1)}
    links = [
        [number[end] for end in link]
        for link in category.get('skeleton') or ()
        if all(end in number for end in link)
    ]
    return {**category, 'keypoints': list(wanted), 'skeleton': links}


def _person(person: dict, places: Sequence[int]) -> dict:
    """A person with the keypoints at these places."""
    values = person['keypoints']
    kept = [value for place in places for value in values[3 * place : 3 * place + 3]]
    labeled = sum(visibility > 0 for visibility in kept[2::3])
    return {**person, 'keypoints': kept, 'num_keypoints': labeled}
