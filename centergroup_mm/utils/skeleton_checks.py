"""One skeleton for a whole run: the top-level ``metainfo`` of a config reaches every part.

    # in a config that inherits from a shipped one, or --cfg-options metainfo.from_file=...
    metainfo = dict(from_file='my_skeleton.py')

The file has ``dataset_info``, as MMPose's ``configs/_base_/datasets/*.py``. Without the key each
dataset has the skeleton of its class, and the head that of its own ``metainfo``.
"""

from __future__ import annotations

import copy
import json
import mmap
import os.path as osp
import re
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmpose.registry import DATASETS

from .deprecation import OLD_NUM_KEYPOINTS
from .errors import UserError
from .skeleton import (
    Skeleton,
    default_number,
    given_number,
    name_of,
    read_metainfo,
    takes_metainfo,
)

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
REMEDY = (
    'give the skeleton once, metainfo=dict(from_file=FILE) at the top of the config, and leave '
    'out what contradicts it'
)
_PARTS = ('detector', 'neck', 'grouping')  # those of CenterGroupHead that know the number


def distribute_metainfo(cfg: Config) -> None:
    """Hand the config's ``metainfo``, if it has one, to its datasets and its head.

    It takes the place of the head's own, and of the skeleton of the datasets' classes. Datasets
    whose pipeline converts keypoints keep their skeleton.

    Args:
        cfg: the whole config, changed in place.

    Raises:
        UserError: it cannot be read, or a dataset's own ``metainfo`` is another one.
    """
    metainfo = cfg.get('metainfo')
    if not metainfo:
        return
    if isinstance(metainfo, dict) and metainfo.get('from_file'):
        metainfo['from_file'] = _locate(metainfo['from_file'], cfg.filename)
    skeleton = _read(metainfo, 'metainfo')
    for place, dataset in pose_datasets(cfg):
        if _converted_number(dataset) is not None:
            continue
        if dataset.get('metainfo') is None:
            own = DATASETS.get(metainfo).METAINFO if isinstance(metainfo, str) else metainfo
            dataset['metainfo'] = copy.deepcopy(own)
        elif _read(dataset['metainfo'], f'{place}.metainfo') != skeleton:
            raise UserError(
                f'metainfo ({name_of(metainfo)}) and {place}.metainfo '
                f'({name_of(dataset["metainfo"])}) describe different skeletons: {REMEDY}'
            )
    head = _head_of(cfg)
    if takes_metainfo(head):
        head['metainfo'] = copy.deepcopy(metainfo)


def check_numbers(cfg: Config) -> None:
    """Raise a UserError if parts of a config differ in their number of keypoints.

    Args:
        cfg: the whole config, after :func:`distribute_metainfo`.
    """
    numbers = [*_model_numbers(cfg), *_dataset_numbers(cfg)]
    if cfg.get('metainfo'):
        numbers.insert(0, (_label('metainfo', cfg.metainfo), _number(cfg.metainfo, 'metainfo')))
    for place, number in numbers[1:]:
        if number != numbers[0][1]:
            first, expected = numbers[0]
            raise UserError(f'{first} has {expected} keypoints and {place} {number}: {REMEDY}')


def check_annotations(place: str, dataset: dict, path: str) -> None:
    """Raise a UserError if an annotation file has other keypoints than its dataset's skeleton.

    Args:
        place: where the dataset is in the config, for the message.
        dataset: its config.
        path: a local annotation file in COCO's format.
    """
    metainfo = _metainfo_of(dataset)
    names = annotated_keypoints(path)
    if metainfo is None or names is None:
        return
    number = _number(metainfo, place)
    if len(names) != number:
        raise UserError(
            f'{place}: {path} has {len(names)} keypoints a person ({", ".join(names)}) and the '
            f'skeleton {name_of(metainfo)} {number}: describe those keypoints in a file and set '
            'metainfo=dict(from_file=FILE) at the top of the config'
        )


def annotated_keypoints(path: str) -> list[str] | None:
    """Read the names of the keypoints of an annotation file, without reading all of it.

    Args:
        path: a local file in COCO's format.

    Returns:
        the ``keypoints`` of the first category that has them; None if none has.
    """
    try:
        with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            for match in re.finditer(rb'"categories"\s*:\s*(?=\[)', text):
                for category in _decode_list(text, match.end()):
                    if isinstance(category, dict) and category.get('keypoints'):
                        return [str(name) for name in category['keypoints']]
    except (OSError, ValueError):  # nothing in it, or no JSON: the dataset says so
        pass
    return None


def pose_datasets(cfg: Config) -> Iterator[tuple[str, dict]]:
    """Yield the datasets of all loaders that have keypoints, and where they are in the config."""
    for loader in LOADERS:
        yield from _walk(f'{loader}.dataset', (cfg.get(loader) or {}).get('dataset'))


def number_of_dataset(dataset: dict, place: str) -> int | None:
    """Return K of a dataset's own skeleton, None if it has none; ``place`` is for the message."""
    metainfo = _metainfo_of(dataset)
    return None if metainfo is None else _number(metainfo, place)


def _walk(place: str, dataset: Any) -> Iterator[tuple[str, dict]]:
    """Yield a dataset and those inside wrappers."""
    if not isinstance(dataset, dict):
        return
    if dataset.get('ann_file') or str(dataset.get('type')).endswith('CombinedDataset'):
        yield place, dataset
    yield from _walk(f'{place}.dataset', dataset.get('dataset'))
    for index, inner in enumerate(dataset.get('datasets') or ()):
        yield from _walk(f'{place}.datasets.{index}', inner)


def _model_numbers(cfg: Config) -> Iterator[tuple[str, int]]:
    """Yield the numbers of keypoints that the parts of the head have, and where they come from."""
    head = _head_of(cfg)
    present = [name for name in _PARTS if isinstance(head.get(name), dict)]
    parts = {f'model.head.{name}': head[name] for name in present} or {'model.head': head}
    losses = {'model.head': head}
    if isinstance(head.get('loss'), dict):
        losses['model.head.loss'] = head['loss']
    for place, part in losses.items():
        if part.get('sigmas') is not None:
            yield f'{place}.sigmas', len(part['sigmas'])
    silent = {}
    for place, part in parts.items():
        if given_number(part) is None:
            silent[place] = part
        else:
            key = OLD_NUM_KEYPOINTS if OLD_NUM_KEYPOINTS in part else 'num_keypoints'
            yield f'{place}.{key}', given_number(part)
    if 'grouping' in head and losses.get('model.head.loss', {}).get('sigmas') is None:
        silent['model.head.loss'] = head.get('loss') or {}
    if silent and takes_metainfo(head):
        yield from _silent_numbers(head, silent)


def _silent_numbers(head: dict, silent: dict[str, dict]) -> Iterator[tuple[str, int]]:
    """Yield the numbers of parts whose configs do not say them: the head's or their default."""
    place = 'model.head.metainfo'
    if head.get('metainfo'):
        yield _label(place, head['metainfo']), _number(head['metainfo'], place)
        return
    for place, part in silent.items():
        default = default_number(part)
        if default is None:
            raise UserError(f'{place} does not say how many keypoints there are: {REMEDY}')
        yield f'{place} ({part["type"]})', default


def _dataset_numbers(cfg: Config) -> Iterator[tuple[str, int]]:
    """Yield the numbers of keypoints of the samples that the datasets give."""
    for place, dataset in pose_datasets(cfg):
        converted, metainfo = _converted_number(dataset), _metainfo_of(dataset)
        if converted is not None:
            yield f'{place} (KeypointConverter)', converted
        elif metainfo is not None:
            yield _label(place, metainfo), _number(metainfo, place)


def _head_of(cfg: Config) -> dict:
    return (cfg.get('model') or {}).get('head') or {}


def _metainfo_of(dataset: dict) -> str | dict | None:
    """Return where a dataset's skeleton is described: its own metainfo, or its class."""
    if dataset.get('metainfo'):
        return dataset['metainfo']
    kind = dataset.get('type')
    known = DATASETS.get(kind) if isinstance(kind, str) else kind
    if not getattr(known, 'METAINFO', None):
        return None
    return kind if isinstance(kind, str) else known.METAINFO


def _converted_number(dataset: dict) -> int | None:
    """Return the number of keypoints that a dataset's pipeline converts to, if it does."""
    for step in dataset.get('pipeline') or ():
        if isinstance(step, dict) and str(step.get('type')).endswith('KeypointConverter'):
            return step['num_keypoints']
    return None


def _read(metainfo: str | dict, place: str) -> Skeleton:
    try:
        return read_metainfo(metainfo)
    except ValueError as error:
        raise UserError(f'{place}: {error}') from error


def _number(metainfo: str | dict, place: str) -> int:
    return _read(metainfo, place).num_keypoints


def _label(place: str, metainfo: str | dict) -> str:
    return f'{place} ({name_of(metainfo)})'


def _locate(path: str, config: str | None) -> str:
    """Return the path of a skeleton's file, which may be given from the config's folder."""
    beside = osp.join(osp.dirname(config or ''), path)
    return beside if not osp.isfile(path) and osp.isfile(beside) else path


def _decode_list(text: mmap.mmap, start: int) -> list:
    """Decode the JSON list that begins somewhere in a file, reading no more than needed."""
    length = 1 << 16
    while True:
        part = text[start : start + length].decode(errors='ignore')
        try:
            return json.JSONDecoder().raw_decode(part)[0]
        except ValueError:
            if start + length >= len(text):
                raise
            length *= 4
