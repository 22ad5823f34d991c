"""Annotation files: what is wrong is refused, what can be repaired changes no result."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, METRICS

from centergroup_mm.utils import checks

from .damage import DAMAGES
from .material import Material
from .outcome import Case, SilentlyWrong

Change = Callable[[dict, random.Random], Any]


def person(content: dict, rng: random.Random) -> dict:
    """One annotation of a person with labeled joints."""
    return rng.choice(
        [a for a in content['annotations'] if a['num_keypoints'] and not a['iscrowd']]
    )


def image(content: dict, rng: random.Random) -> dict:
    """One image with people."""
    used = {a['image_id'] for a in content['annotations']}
    return rng.choice([i for i in content['images'] if i['id'] in used])


def joint(content: dict, rng: random.Random, value: Any, place: int | None = None) -> None:
    """Write a value into a labeled joint: x, y or visibility."""
    flat = person(content, rng)['keypoints']
    labeled = [index for index in range(0, len(flat), 3) if flat[index + 2]]
    flat[rng.choice(labeled) + (rng.randrange(2) if place is None else place)] = value


def every(content: dict, key: str, value: Any) -> None:
    """Write a value into all annotations."""
    for entry in content['annotations']:
        entry[key] = value


def _remove(entries: list[dict], key: str) -> None:
    for entry in entries:
        entry.pop(key, None)


def _category(content: dict, number: int) -> None:
    content['categories'][0]['id'] = number
    every(content, 'category_id', number)


#: the result stays as it was
SAME: dict[str, Change] = {
    'category 7': lambda c, r: _category(c, 7),
    'category 0': lambda c, r: _category(c, 0),
    'no categories': lambda c, r: c.pop('categories'),
    'no category_id': lambda c, r: _remove(c['annotations'], 'category_id'),
    'no bbox': lambda c, r: _remove(c['annotations'], 'bbox'),
    'bbox null': lambda c, r: every(c, 'bbox', None),
    'one bbox without extent': lambda c, r: person(c, r).update(bbox=[0, 0, 0, 0]),
    'no area': lambda c, r: _remove(c['annotations'], 'area'),
    'one area 0': lambda c, r: person(c, r).update(area=0),
    'no iscrowd': lambda c, r: [a.pop('iscrowd') for a in c['annotations'] if not a['iscrowd']],
    'no num_keypoints': lambda c, r: _remove(c['annotations'], 'num_keypoints'),
    'num_keypoints 0': lambda c, r: person(c, r).update(num_keypoints=0),
    'num_keypoints nan': lambda c, r: person(c, r).update(num_keypoints=math.nan),
    'no segmentation': lambda c, r: _remove(c['annotations'], 'segmentation'),
    'segmentation null': lambda c, r: every(c, 'segmentation', None),
    'segmentation []': lambda c, r: every(c, 'segmentation', []),
    'one id twice': lambda c, r: person(c, r).update(id=c['annotations'][0]['id']),
    'no ids': lambda c, r: _remove(c['annotations'], 'id'),
    'all listed twice': lambda c, r: c['annotations'].extend(copy.deepcopy(c['annotations'])),
    'images listed twice': lambda c, r: c['images'].extend(copy.deepcopy(c['images'])),
    'no width': lambda c, r: _remove(c['images'], 'width'),
    'no height': lambda c, r: _remove(c['images'], 'height'),
    'cars too': lambda c, r: (
        c['categories'].append(dict(id=99, name='car')),
        c['annotations'].append(dict(id=9999, image_id=c['images'][0]['id'], category_id=99)),
    ),
    'huge id': lambda c, r: person(c, r).update(id=2**40),
    'negative id': lambda c, r: person(c, r).update(id=-5),
    'other order': lambda c, r: (r.shuffle(c['annotations']), r.shuffle(c['images'])),
    'unknown keys': lambda c, r: (c.update(extra=[1]), person(c, r).update(extra={})),
    'no info': lambda c, r: (c.pop('info', 0), c.pop('licenses', 0)),
}
#: no number can be right
WRONG: dict[str, Change] = {
    'nan joint': lambda c, r: joint(c, r, math.nan),
    'infinite joint': lambda c, r: joint(c, r, math.inf),
    'joint 1e300': lambda c, r: joint(c, r, 1e300),
    'joint 10**400': lambda c, r: joint(c, r, 10**400),
    'joint as text': lambda c, r: joint(c, r, '12'),
    'joint null': lambda c, r: joint(c, r, None),
    'joint true': lambda c, r: joint(c, r, True),
    'joint list': lambda c, r: joint(c, r, [1, 2]),
    'visibility 3': lambda c, r: joint(c, r, 3, 2),
    'visibility -1': lambda c, r: joint(c, r, -1, 2),
    'visibility 0.5': lambda c, r: joint(c, r, 0.5, 2),
    'visibility nan': lambda c, r: joint(c, r, math.nan, 2),
    '16 joints': lambda c, r: person(c, r).update(keypoints=[1, 1, 2] * 16),
    '18 joints': lambda c, r: person(c, r).update(keypoints=[1, 1, 2] * 18),
    '50 numbers': lambda c, r: person(c, r).update(keypoints=[1] * 50),
    'joints as text': lambda c, r: person(c, r).update(keypoints='1 2 3'),
    'joints as a dict': lambda c, r: person(c, r).update(keypoints={'nose': 1}),
    'all with 16 joints': lambda c, r: every(c, 'keypoints', [1, 1, 2] * 16),
    'nan area': lambda c, r: person(c, r).update(area=math.nan),
    'negative area': lambda c, r: person(c, r).update(area=-3),
    'area as text': lambda c, r: person(c, r).update(area='large'),
    'bbox of three': lambda c, r: person(c, r).update(bbox=[1, 2, 3]),
    'bbox nan': lambda c, r: person(c, r).update(bbox=[1, 2, math.nan, 4]),
    'bbox negative': lambda c, r: person(c, r).update(bbox=[1, 2, -3, 4]),
    'bbox as text': lambda c, r: person(c, r).update(bbox='1 2 3 4'),
    'iscrowd 2': lambda c, r: person(c, r).update(iscrowd=2),
    'iscrowd text': lambda c, r: person(c, r).update(iscrowd='0'),
    'unknown image': lambda c, r: person(c, r).update(image_id=987654),
    'image_id as text': lambda c, r: person(c, r).update(image_id='1'),
    'image_id null': lambda c, r: person(c, r).update(image_id=None),
    'unknown category': lambda c, r: person(c, r).update(category_id=55),
    'category list': lambda c, r: person(c, r).update(category_id=[1]),
    'id as text': lambda c, r: person(c, r).update(id='a'),
    'id 1.5': lambda c, r: person(c, r).update(id=1.5),
    'id true': lambda c, r: person(c, r).update(id=True),
    'id list': lambda c, r: person(c, r).update(id=[3]),
    'two images of one id': lambda c, r: c['images'][1].update(id=c['images'][0]['id']),
    'image id as text': lambda c, r: image(c, r).update(id='7'),
    'image id missing': lambda c, r: image(c, r).pop('id'),
    'image that is not there': lambda c, r: image(c, r).update(file_name='nowhere.jpg'),
    'image above the folder': lambda c, r: image(c, r).update(file_name='../../x.jpg'),
    'absolute image': lambda c, r: image(c, r).update(file_name='/etc/passwd'),
    'file_name null': lambda c, r: image(c, r).update(file_name=None),
    'file_name number': lambda c, r: image(c, r).update(file_name=3),
    'file_name empty': lambda c, r: image(c, r).update(file_name=''),
    'file_name with zero byte': lambda c, r: image(c, r).update(file_name='a\0b'),
    'file_name half a character': lambda c, r: image(c, r).update(file_name='\ud800.jpg'),
    'file_name is a folder': lambda c, r: image(c, r).update(file_name='.'),
    'width 0': lambda c, r: image(c, r).update(width=0),
    'width nan': lambda c, r: image(c, r).update(width=math.nan),
    'width as text': lambda c, r: image(c, r).update(width='160'),
    'sizes swapped': lambda c, r: [
        i.update(width=i['height'], height=i['width']) for i in c['images']
    ],
    'twice as large': lambda c, r: image(c, r).update(width=320, height=256),
    'images missing': lambda c, r: c.pop('images'),
    'annotations missing': lambda c, r: c.pop('annotations'),
    'images empty': lambda c, r: c.update(images=[]),
    'annotations empty': lambda c, r: c.update(annotations=[]),
    'images a dict': lambda c, r: c.update(images={}),
    'annotation null': lambda c, r: c['annotations'].append(None),
    'image null': lambda c, r: c['images'].append(None),
    'categories a dict': lambda c, r: c.update(categories={}),
    'category null': lambda c, r: c.update(categories=[None]),
    'category without id': lambda c, r: c['categories'][0].pop('id'),
    'two categories of one id': lambda c, r: c['categories'].append(dict(c['categories'][0])),
    'category for other joints': lambda c, r: c['categories'][0].update(keypoints=['a', 'b']),
}
TEXTS: dict[str, bytes] = {
    'empty': b'',
    'spaces': b'  \n',
    'null': b'null',
    'list': b'[]',
    'number': b'12',
    'empty object': b'{}',
    'no JSON': b"{'images': []}",
    'deep': b'[' * 100_000,
    'not UTF-8': b'\xff\xfe{}',
    'with a mark': b'\xef\xbb\xbf{}',
    'a picture': b'\x89PNG\r\n\x1a\n',
    'long number': b'{"images": [' + b'9' * 100_000 + b']}',
}


def case(rng: random.Random, material: Material) -> Case:
    """One annotation file, used to train and to evaluate."""
    group = rng.choice(('same', 'same', 'wrong', 'wrong', 'wrong', 'bytes', 'bytes', 'text'))
    content = copy.deepcopy(material.annotations)
    if group in ('same', 'wrong'):
        changes = SAME if group == 'same' else WRONG
        title = rng.choice(sorted(changes))
        changes[title](content, rng)
        data = json.dumps(content).encode()
    elif group == 'bytes':
        how = rng.choice(DAMAGES)
        data = how(json.dumps(content).encode(), rng)
        title = f'{how.__name__} bytes'
    else:
        title = rng.choice(sorted(TEXTS))
        data = TEXTS[title]

    def run(folder: Path) -> None:
        path = folder / 'people.json'
        path.write_bytes(data)
        number, precision = use(path, material, own=group == 'bytes')
        if group in ('wrong', 'text'):
            raise SilentlyWrong(f'{number} images trained on, AP {precision:.3f}')
        if precision < 0.999 or (group == 'same' and number != len(material.annotations['images'])):
            raise SilentlyWrong(f'{number} images trained on, AP {precision:.3f} of the truth')

    return Case(title, run, ('people.json',), good=group == 'same')


def use(path: Path, material: Material, own: bool) -> tuple[int, float]:
    """Check a file as commands do, train on it and evaluate with it.

    Args:
        path: the file.
        material: has the images.
        own: evaluate what the dataset has read; else the people of the undamaged file.

    Returns:
        number of images that would be trained on, and AP of the true joints.
    """
    prefix = dict(img=f'{material.scenes}/images/')
    options = {'data_root': '', 'ann_file': str(path), 'data_prefix': prefix}
    loaders = ('train_dataloader', 'val_dataloader')
    given = {
        f'{loader}.dataset.{key}': value for loader in loaders for key, value in options.items()
    }
    cfg = checks.load_config(str(material.config), {**given, 'val_evaluator.ann_file': str(path)})
    checks.check_data(cfg, loaders)
    init_default_scope('mmpose')
    trained = DATASETS.build(cfg.train_dataloader.dataset)
    for index in range(len(trained)):
        trained[index]
    tested = DATASETS.build(cfg.val_dataloader.dataset)
    metric = METRICS.build(cfg.val_evaluator)
    metric.dataset_meta = tested.metainfo
    truth = _own_truth(trained) if own else _truth(material.annotations)
    for number in range(len(tested)):
        info = tested.get_data_info(number)
        joints = np.array(truth.get(info['img_id'], np.zeros((0, 17, 3))), dtype=float)
        found = dict(
            keypoints=joints[..., :2].reshape(-1, 17, 2),
            keypoint_scores=np.ones((len(joints), 17)),
            bbox_scores=np.ones(len(joints)),
        )
        sample = dict(id=info['id'], img_id=info['img_id'], pred_instances=found, gt_instances={})
        metric.process([], [sample])
    scores = metric.compute_metrics(metric.results)
    return len(trained), float(scores['AP'])


def _truth(content: dict) -> dict[int, list]:
    """Labeled joints of each image."""
    found: dict[int, list] = {}
    for entry in content['annotations']:
        if entry['num_keypoints'] and not entry['iscrowd']:
            joints = np.array(entry['keypoints'], dtype=float).reshape(-1, 3)
            found.setdefault(entry['image_id'], []).append(joints)
    return found


def _own_truth(dataset: Any) -> dict[int, list]:
    """Labeled joints of each image as a dataset has read them."""
    found: dict[int, list] = {}
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        for joints, seen in zip(info['keypoints'], info['keypoints_visible'], strict=True):
            if np.any(seen):
                triples = np.concatenate([joints, np.ones((len(joints), 1))], axis=1)
                found.setdefault(info['img_id'], []).append(triples)
    return found
