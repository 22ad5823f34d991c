"""The metric gives MMPose's numbers for good files, and the right ones for others."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.evaluation.metrics import CocoMetric
from mmpose.structures import PoseDataSample

from centergroup_mm.evaluation import BottomupCocoMetric
from centergroup_mm.utils.errors import UserError

from ..helpers.skeletons import FIVE, write_dataset

META = dict(dataset_name='mine', num_keypoints=5, sigmas=np.full(5, 0.08), CLASSES=None)


@pytest.fixture
def content(tmp_path: Path) -> dict:
    """Four images with eight people of five joints."""
    return json.loads(write_dataset(tmp_path / 'data', FIVE).read_text())


def predictions(content: dict, seed: int = 0) -> list[dict]:
    """Poses near the annotated ones, some far, of every image."""
    rng = np.random.default_rng(seed)
    samples = []
    for image in content['images']:
        people = [a for a in content['annotations'] if a['image_id'] == image['id']]
        joints = [np.array(a['keypoints'], float).reshape(-1, 3)[:, :2] for a in people]
        joints = [points + rng.normal(0, rng.choice([1, 6, 30]), points.shape) for points in joints]
        keypoints = np.stack(joints) if joints else np.zeros((0, 5, 2))
        sample = PoseDataSample(
            metainfo=dict(id=[a['id'] for a in people], img_id=image['id'], ori_shape=(96, 96))
        )
        sample.gt_instances = InstanceData()
        sample.pred_instances = InstanceData(
            keypoints=keypoints,
            keypoint_scores=np.ones(keypoints.shape[:2]),
            bbox_scores=rng.random(len(keypoints)),
            bboxes=np.concatenate([keypoints.min(1), keypoints.max(1)], 1),
        )
        samples.append(sample.to_dict())
    return samples


def evaluate(folder: Path, content: dict, samples: list[dict], kind=BottomupCocoMetric) -> dict:
    """Evaluate predictions on a content."""
    path = folder / 'truth.json'
    path.write_text(json.dumps(content))
    metric = kind(ann_file=str(path), nms_mode='none', score_mode='bbox')
    metric.dataset_meta = dict(META)
    metric.process([], copy.deepcopy(samples))
    return metric.evaluate(len(samples))


@pytest.fixture
def right(tmp_path: Path, content: dict) -> dict:
    """What MMPose's metric gives for a good file."""
    found = evaluate(tmp_path, content, predictions(content), CocoMetric)
    assert 0.1 < found['coco/AP'] < 0.9
    return found


def test_a_good_file_gives_the_numbers_of_mmpose(tmp_path, content, right):
    assert evaluate(tmp_path, content, predictions(content)) == right


@pytest.mark.parametrize('number', [0, 3, 91])
def test_the_id_of_the_category_does_not_matter(tmp_path, content, right, number):
    samples = predictions(content)
    for entry in (*content['annotations'], *content['categories']):
        entry['category_id' if 'keypoints' in entry and 'bbox' in entry else 'id'] = number
    assert evaluate(tmp_path, content, samples, CocoMetric)['coco/AP'] < 0.05
    assert evaluate(tmp_path, content, samples) == right


def test_people_of_several_categories_are_evaluated_together(tmp_path, content, right):
    samples = predictions(content)
    content['categories'].append(dict(content['categories'][0], id=2, name='child'))
    for entry in content['annotations'][::2]:
        entry['category_id'] = 2
    assert evaluate(tmp_path, content, samples) == right


def test_other_categories_do_not_matter(tmp_path, content, right):
    samples = predictions(content)
    content['categories'].insert(0, dict(id=0, name='car'))
    content['annotations'].append(
        dict(id=70, image_id=0, category_id=0, bbox=[0, 0, 9, 9], area=81, iscrowd=0)
    )
    assert evaluate(tmp_path, content, samples) == right


def test_double_and_missing_ids_do_not_matter(tmp_path, content, right):
    samples = predictions(content)
    for entry in content['annotations'][1::2]:
        entry['id'] = 0
    content['annotations'][2].pop('id')
    assert evaluate(tmp_path, content, samples) == right


def test_missing_areas_are_those_of_the_boxes(tmp_path, content):
    samples = predictions(content)
    for entry in content['annotations']:
        entry['area'] = 0.53 * entry['bbox'][2] * entry['bbox'][3]
    right = evaluate(tmp_path, content, samples, CocoMetric)
    for entry in content['annotations']:
        entry.pop('area')
    with pytest.raises(KeyError):
        evaluate(tmp_path, content, samples, CocoMetric)
    assert evaluate(tmp_path, content, samples) == right


@pytest.mark.parametrize('key', ['keypoints', 'area'])
def test_a_value_that_is_nan_is_refused_where_mmpose_raises_the_ap(tmp_path, content, right, key):
    samples = predictions(content, seed=3)
    low = evaluate(tmp_path, content, samples, CocoMetric)['coco/AP']
    for entry in content['annotations']:
        if key == 'area':
            entry['area'] = float('nan')
        else:
            entry['keypoints'][0] = float('nan')
    assert evaluate(tmp_path, content, samples, CocoMetric)['coco/AP'] > low
    with pytest.raises(UserError, match='annotation 0 of image 0'):
        evaluate(tmp_path, content, samples)


@pytest.mark.parametrize('key', ['keypoints', 'keypoint_scores', 'bbox_scores'])
def test_predictions_that_are_not_finite_end_the_evaluation(tmp_path, content, key):
    samples = predictions(content)
    samples[2]['pred_instances'][key].reshape(-1)[0] = np.nan
    with pytest.raises(UserError, match=f'image 2: predicted {key} are not finite'):
        evaluate(tmp_path, content, samples)
