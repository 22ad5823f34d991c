"""Published numbers stand beside one's own where config and checkpoint leave no doubt."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch

from centergroup_mm.checkpoints.convert import KINDS
from centergroup_mm.zoo.models import find_model
from centergroup_mm.zoo.published import PUBLISHED, TEST_SETS, find_published

from ..conftest import ROOT
from ..helpers.official import build
from ..helpers.tools import run_tool

VAL2017 = 'data/coco/annotations/person_keypoints_val2017.json'
CONFIG = ROOT / 'configs' / 'centergroup_w32_coco.py'


def origin(kind: str = 'centergroup', config: str = 'centergroup_w32_coco.py') -> dict:
    return dict(converted_from=dict(kind=KINDS[kind], source='w32.ckpt', config=config))


def test_a_converted_checkpoint_is_recognized_with_the_config_it_was_converted_for():
    found = find_published('configs/centergroup_w32_coco.py', origin(), VAL2017)
    assert (found.metric, found.value) == ('coco/AP', 0.69)


@pytest.mark.parametrize(
    ('config', 'meta', 'ann_file'),
    [
        ('centergroup_w32_coco.py', {}, VAL2017),  # trained with this package
        ('centergroup_w48_coco.py', origin(), VAL2017),  # of another width
        ('centergroup_w32_coco.py', origin('detector'), VAL2017),  # only the detector
        ('my_centergroup_w32_coco.py', origin(), VAL2017),  # another config
        ('centergroup_w32_coco_ms.py', origin(), VAL2017),  # published for test-dev only
        ('centergroup_w32_coco.py', origin(), 'data/coco/annotations/my_val.json'),
        ('centergroup_w32_coco.py', origin(), None),
        ('centergroup_w32_coco.py', dict(converted_from='w32.ckpt'), VAL2017),
    ],
)
def test_nothing_is_recognized_where_there_is_a_doubt(config, meta, ann_file):
    assert find_published(config, meta, ann_file) is None


def test_the_line_names_both_numbers_and_whose_they_are():
    found = find_published(CONFIG, origin(), VAL2017)
    line = found.compare({'coco/AP': 0.6874}, 5000)
    assert 'not measured here: coco/AP 0.690 on COCO val2017 (official implementation' in line
    assert line.endswith('this run: 0.687, a difference of -0.003')
    assert 'cannot be compared' in found.compare({'coco/AP': 0.9}, 100)


def test_every_entry_belongs_to_a_config_and_a_test_set_of_the_package():
    for entry in PUBLISHED:
        for name in (entry.config, entry.converted):
            assert (ROOT / 'configs' / f'{name}.py').is_file() and find_model(name)
        assert entry.kind in KINDS and entry.ann_file in TEST_SETS and 0 < entry.value < 1
    assert len({entry.config for entry in PUBLISHED}) == len(PUBLISHED)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A data set called like COCO's with one image, and a checkpoint that says it was converted."""
    folder = tmp_path_factory.mktemp('published')
    (folder / 'annotations').mkdir()
    (folder / 'val2017').mkdir()
    cv2.imwrite(str(folder / 'val2017' / '1.jpg'), np.full((64, 64, 3), 127, np.uint8))
    keypoints = [value for number in range(17) for value in (10 + 2 * number, 20 + number, 2)]
    content = dict(
        images=[dict(id=1, file_name='1.jpg', width=64, height=64)],
        annotations=[
            dict(
                id=1, image_id=1, category_id=1, iscrowd=0, area=900, bbox=[8, 18, 36, 20],
                num_keypoints=17, keypoints=keypoints,
            )
        ],
        categories=[dict(id=1, name='person', keypoints=[], skeleton=[])],
    )  # fmt: skip
    (folder / 'annotations' / 'person_keypoints_val2017.json').write_text(json.dumps(content))
    state = build(str(CONFIG)).state_dict()
    for name, meta in (('converted', origin()), ('own', {})):
        torch.save(dict(meta=meta, state_dict=state), folder / f'{name}.pth')
    return folder


@pytest.mark.parametrize('name', ['converted', 'own'])
def test_the_command_prints_it_for_a_converted_checkpoint_only(name, folder, tmp_path):
    options = [
        f'test_dataloader.dataset.data_root={folder}/',
        f'test_evaluator.ann_file={folder}/annotations/person_keypoints_val2017.json',
        'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False',
        'test_dataloader.dataset.pipeline.1.input_size=(64,64)',
    ]
    done = run_tool(
        'tools/test.py', CONFIG, folder / f'{name}.pth', '--cfg-options', *options, cwd=tmp_path
    )
    assert done.status == 0, done.err[-2000:]
    lines = [line for line in done.output.splitlines() if line.startswith('published')]
    assert len(lines) == (name == 'converted')
    for line in lines:
        assert line.endswith('saw 1 of the 5000 images, which cannot be compared')
