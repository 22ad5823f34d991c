"""Whether the images that are tested are those that are evaluated."""

from __future__ import annotations

from .report import Annotations


def find_disagreement(loader: Annotations, evaluator: Annotations) -> str:
    """Say in what the files of a data loader and of its metric differ.

    Args:
        loader: file of the data loader.
        evaluator: file of the metric.

    Returns:
        what is different, '' if the metric evaluates just the images that are loaded.
    """
    loaded = {image['id']: image.get('file_name') for image in loader.content['images']}
    evaluated = {image['id']: image.get('file_name') for image in evaluator.content['images']}
    for have, lack, what in (
        (loaded, evaluated, f'{loader.path} has images that {evaluator.path} lacks'),
        (evaluated, loaded, f'{evaluator.path} has images that {loader.path} lacks'),
    ):
        only = [number for number in have if number not in lack]
        if only:
            return f'{what} ({len(only):,} of {len(have):,}, the first is {only[0]})'
    other = [number for number in loaded if loaded[number] != evaluated[number]]
    if other:
        names = f'{loaded[other[0]]!r} and {evaluated[other[0]]!r}'
        return f'image {other[0]} is {names} in {loader.path} and {evaluator.path}'
    return ''
