"""Datasets give what MMPose's give for good files, and lose nothing of others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

import centergroup_mm  # noqa: F401

from ..conftest import ROOT
from ..helpers.skeletons import FIVE, write_dataset, write_skeleton


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    """Four images with eight people of five joints."""
    init_default_scope('mmpose')
    write_skeleton(tmp_path / 'skeleton.py', FIVE)
    return write_dataset(tmp_path / 'data', FIVE)


def edit(path: Path) -> dict:
    return json.loads(path.read_text())


def build(path: Path, kind: str = 'BottomupCocoDataset', **options):
    """Build a dataset of an annotation file."""
    return DATASETS.build(
        dict(
            type=kind,
            ann_file=str(path),
            data_prefix=dict(img=str(path.parent / 'images')),
            data_mode='bottomup',
            metainfo=dict(from_file=str(path.parents[1] / 'skeleton.py')),
            **options,
        )
    )


def same(ours: object, theirs: object) -> bool:
    if isinstance(theirs, np.ndarray):
        return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    return ours == theirs


@pytest.mark.parametrize('test_mode', [False, True])
def test_a_good_file_gives_what_mmpose_gives(annotations, test_mode):
    content = edit(annotations)
    region = [[8, 16, 20, 16, 20, 30]]
    content['annotations'][3].update(keypoints=[0] * 15, num_keypoints=0, segmentation=region)
    runs = dict(counts=[10, 96 * 96 - 10], size=[96, 96])
    content['annotations'][5].update(iscrowd=1, segmentation=runs)
    annotations.write_text(json.dumps(content))
    ours = build(annotations, test_mode=test_mode)
    theirs = build(annotations, 'CocoDataset', test_mode=test_mode)
    assert len(ours) == len(theirs) == 4
    for index in range(4):
        mine, stock = ours.get_data_info(index), theirs.get_data_info(index)
        assert mine.pop('stated_size') == (96, 96)
        assert list(mine) == list(stock)
        for key in set(stock) - {'segmentation', 'raw_ann_info'}:
            assert same(mine[key], stock[key]), key
    assert ours.get_data_info(1)['invalid_segs'] == [region]


def test_images_without_people_are_trained_on_unless_they_are_left_out(annotations, caplog):
    content = edit(annotations)
    content['annotations'] = [a for a in content['annotations'] if a['image_id'] != 1]
    annotations.write_text(json.dumps(content))
    assert len(build(annotations, 'CocoDataset')) == 3
    dataset = build(annotations)
    assert len(dataset) == 4
    info = next(dataset[i] for i in range(4) if dataset.get_data_info(i)['img_id'] == 1)
    assert info['keypoints'].shape == (0, 5, 2) and info['bbox'].shape == (0, 4)
    assert len(build(annotations, keep_empty=False)) == 3
    assert len(build(annotations, test_mode=True)) == 4


def test_people_without_a_box_are_kept(annotations):
    content = edit(annotations)
    for entry in content['annotations'][::2]:
        entry.pop('bbox')
    annotations.write_text(json.dumps(content))
    stock = build(annotations, 'CocoDataset')
    ours = build(annotations)
    assert sum(len(stock.get_data_info(i)['keypoints']) for i in range(4)) == 4
    assert sum(len(ours.get_data_info(i)['keypoints']) for i in range(4)) == 8
    info = ours.get_data_info(0)
    low, high = info['keypoints'][0].min(0), info['keypoints'][0].max(0)
    np.testing.assert_allclose(info['bbox'][0], [*low, *high])


@pytest.mark.parametrize('region', [None, [], [[]], [[1, 2]]])
def test_a_region_without_a_mask_is_not_taught_as_background(annotations, region):
    config = Config.fromfile(ROOT / 'configs/centergroup_tiny_synthetic.py')
    content = edit(annotations)
    content['annotations'][0].update(
        keypoints=[0] * 15, num_keypoints=0, segmentation=region, bbox=[8, 16, 40, 48]
    )
    annotations.write_text(json.dumps(content))
    pipeline = [dict(type='LoadImage'), config.train_pipeline[-3]]
    dataset = build(annotations, pipeline=pipeline)
    info = dict(dataset.get_data_info(0), dataset=dataset)
    info = dataset.pipeline.transforms[0](info)
    info['input_size'] = (96, 96)
    mask = dataset.pipeline.transforms[1](info)['heatmap_mask'][0]
    assert not mask[5:15, 4:11].any() and mask[:3].all() and mask[:, 14:].all()


@pytest.mark.parametrize(
    'name', ['centergroup_tiny_synthetic', 'higherhrnet_center_w32_coco', 'movenet_finetune_coco']
)
def test_every_training_pipeline_takes_an_image_without_people(annotations, name):
    config = Config.fromfile(ROOT / f'configs/{name}.py')
    content = edit(annotations)
    content['annotations'] = content['annotations'][:2]
    annotations.write_text(json.dumps(content))
    dataset = build(annotations, pipeline=config.train_pipeline)
    sample = dataset[3]['data_samples']
    assert dataset.get_data_info(3)['img_id'] == 3
    heatmaps = sample.gt_fields.heatmaps
    assert all(float(level.max()) == 0 for level in heatmaps)


def test_the_log_says_once_what_there_is(annotations, monkeypatch):
    lines = []
    monkeypatch.setattr(
        'centergroup_mm.datasets.bottomup_coco.print_log', lambda line, logger: lines.append(line)
    )
    content = edit(annotations)
    content['annotations'] = content['annotations'][2:]
    content['annotations'][0].pop('bbox')
    annotations.write_text(json.dumps(content))
    build(annotations, keep_empty=False)
    assert len(lines) == 1
    assert '4 images (1 without annotations), 6 people with 30 labeled joints' in lines[0]
    assert 'repaired: bbox missing, taken from its joints (1)' in lines[0]
    assert lines[0].endswith(
        'trained on: 3 images, 1 without annotations left out (keep_empty=False)'
    )
