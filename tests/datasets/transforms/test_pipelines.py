"""Whole pipelines of training and test."""

from __future__ import annotations

import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import TRANSFORMS
from pycocotools import mask as coco_mask

from centergroup_mm.datasets.transforms import (
    CenterGroupResize,
    CrowdHeatmapMask,
)

from .samples import results_of


@pytest.mark.parametrize('num_persons', [0, 1, 3])
@pytest.mark.parametrize(
    'codec',
    [
        dict(type='CenterAssociativeEmbedding', input_size=(64, 64)),
        dict(type='AttentionGroupingCodec', input_size=(64, 64)),
    ],
)
def test_training_pipeline(num_persons, codec):
    init_default_scope('mmpose')
    pipeline = [
        dict(type='CenterGroupRandomAffine', input_size=(64, 64), rotate_factor=30.0),
        dict(type='RandomFlip', direction='horizontal'),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='CrowdHeatmapMask'),
        dict(type='BottomupPaddingMask'),
        dict(type='PackPoseInputs'),
    ]
    packed = Compose([TRANSFORMS.build(step) for step in pipeline])(results_of(num_persons))
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 64, 64)
    fields = sample.gt_fields
    assert [tuple(level.shape) for level in fields.heatmaps] == [(18, 16, 16), (18, 32, 32)]
    assert [tuple(level.shape) for level in fields.heatmap_mask] == [(16, 16), (32, 32)]
    for masks in (
        fields.padding_mask,
        *([fields.label_mask] if 'Grouping' in codec['type'] else []),
    ):
        assert [tuple(level.shape) for level in masks] == [(16, 16), (64, 64)]
    labels = sample.gt_instance_labels
    assert set(labels.keys()) == set(
        TRANSFORMS.build(pipeline[2]).encoder.label_mapping_table.values()
    )
    assert len(labels) == num_persons


def test_test_pipeline():
    init_default_scope('mmpose')
    results = results_of(0)
    for key in ('keypoints', 'keypoints_visible', 'bbox', 'area'):
        del results[key]  # an image without annotations has none of them
    results = CenterGroupResize(64)(results)
    sample = TRANSFORMS.build(dict(type='PackPoseInputs'))(results)['data_samples']
    assert sample.img_shape == (64, 128) and tuple(sample.input_size) == (128, 64)


@pytest.mark.parametrize('counts', ['list', 'bytes'])
def test_run_length_encoded_crowds_are_masked(counts):
    region = np.zeros((40, 60), dtype=np.uint8)
    region[10:20, 30:50] = 1
    seg = coco_mask.encode(np.asfortranarray(region))
    if counts == 'list':
        runs, value, length = [], 0, 0
        for cell in region.T.ravel():
            if cell != value:
                runs.append(length)
                value, length = cell, 0
            length += 1
        seg = dict(size=[40, 60], counts=[*runs, length])
    polygon = [[0, 0, 5, 0, 5, 5, 0, 5]]
    results = dict(invalid_segs=[seg, polygon], img_shape=(40, 60), input_size=(60, 40))
    _, mask = CrowdHeatmapMask().transform(results)['label_mask']
    assert not mask[10:20, 30:50].any() and not mask[1:4, 1:4].any()
    assert mask.mean() > 0.8
