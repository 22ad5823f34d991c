"""CrowdPose as its config reads and scores it, on real images where they are at hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, METRICS, MODELS

import centergroup_mm  # noqa: F401

from ..conftest import ROOT


@pytest.fixture(scope='module', params=['w32', 'w48'])
def cfg(request, shared_dir) -> Config:
    """A CrowdPose config that reads two real images with the people on them."""
    folder = shared_dir / 'data' / 'crowdpose_sample'
    if not folder.is_dir():
        pytest.skip(f'no real CrowdPose images in {folder}')
    init_default_scope('mmpose')
    cfg = Config.fromfile(ROOT / f'configs/centergroup_{request.param}_crowdpose.py')
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        assert loader.dataset.type == 'BottomupCrowdPoseDataset'
        loader.dataset.update(data_root=str(folder), ann_file='crowdpose.json')
    cfg.val_evaluator.ann_file = str(folder / 'crowdpose.json')
    return cfg


def score(cfg: Config, shift: float = 0.0) -> dict[str, float]:
    """The config's metric for the annotated people, moved by some pixels."""
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    metric = METRICS.build(cfg.val_evaluator)
    metric.dataset_meta = dataset.metainfo
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        people = [p for p in sample.raw_ann_info if p['num_keypoints']]
        points = np.array([p['keypoints'] for p in people]).reshape(-1, 14, 3)[..., :2] + shift
        sample.pred_instances = InstanceData(
            keypoints=points,
            keypoint_scores=np.ones(points.shape[:2]),
            bbox_scores=np.linspace(0.9, 0.5, len(points)),
        )
        metric.process({}, [sample.to_dict()])
    return metric.evaluate(len(dataset))


def test_perfect_predictions_score_one(cfg):
    found = score(cfg)
    names = ('AP', 'AP .5', 'AP .75', 'AR', 'AR .5', 'AR .75', 'AP(E)', 'AP(M)', 'AP(H)')
    assert set(found) == {f'crowdpose/{name}' for name in names}
    # The crowd indices of these images, 0.33 and 0.39, are of the medium level.
    for name in ('AP', 'AP .5', 'AP .75', 'AR', 'AP(M)'):
        assert found[f'crowdpose/{name}'] == pytest.approx(1.0)
    assert found['crowdpose/AP(E)'] == found['crowdpose/AP(H)'] == -1


def test_worse_predictions_score_less(cfg):
    near, far = score(cfg, 8.0)['crowdpose/AP'], score(cfg, 60.0)['crowdpose/AP']
    assert 1 > near > far >= 0


def test_sizes_are_those_of_the_images(cfg):
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    assert len(dataset) == 2
    for index in range(2):
        info = dataset.get_data_info(index)
        image = cv2.imread(info['img_path'])
        shape = dataset[index]['data_samples'].ori_shape
        assert tuple(shape[:2]) == image.shape[:2]
        height, width = image.shape[:2]
        for person in info['raw_ann_info']:
            x, y, seen = np.array(person['keypoints']).reshape(-1, 3).T
            assert (x[seen > 0] <= width).all() and (y[seen > 0] <= height).all()


def test_model_and_data_agree_on_joints(cfg):
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    meta = dataset.metainfo
    head = MODELS.build(cfg.model.head)
    assert meta['num_keypoints'] == 14 == head.num_keypoints
    assert {head.neck.num_keypoints, head.grouping[0].num_keypoints} == {14}
    np.testing.assert_array_equal(head.loss_module.sigmas, meta['sigmas'])
    left, right = meta['keypoint_name2id']['left_elbow'], meta['keypoint_name2id']['right_elbow']
    assert meta['flip_indices'][left] == right and meta['flip_indices'][right] == left


def test_training_targets_are_people(cfg):
    np.random.seed(0)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    batch = pseudo_collate([dataset[index] for index in range(len(dataset))])
    side = cfg.codec.input_size[0]
    matchable = 0
    for image, sample in zip(batch['inputs'], batch['data_samples'], strict=True):
        assert image.shape == (3, side, side)
        levels = sample.gt_fields.heatmaps
        assert [tuple(level.shape) for level in levels] == [
            (15, side // 4, side // 4),
            (15, side // 2, side // 2),
        ]
        labels = sample.gt_instance_labels
        matchable += int(labels.matchable.sum())
        seen = labels.joints_visible[:, :14].bool()
        inside = (labels.joints[:, :14] >= 0) & (labels.joints[:, :14] < side)
        assert inside.all(-1)[seen].all()
        # Where a center is drawn there is a person's.
        peaks = (levels[1][14] == 1).sum()
        assert peaks <= labels.matchable.sum() and (peaks > 0) == bool(labels.matchable.any())
    assert matchable > 0 and torch.is_tensor(labels.joints)
