"""Calls that the benchmark times do what a prediction and a training step do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from benchmarking.case import Case
from benchmarking.clock import STAGES
from benchmarking.scenes import crowds
from benchmarking.workload import Workload
from mmengine.config import Config

import centergroup_mm  # noqa: F401

from .conftest import TINY


def test_crowds_have_so_many_people():
    first, second = crowds(2, 7, (64, 64), joints=17)
    assert first['keypoints'].shape == (7, 17, 2) and first['bbox'].shape == (7, 4)
    assert (first['keypoints_visible'] > 0).any(1).all()
    assert not np.array_equal(first['keypoints'], second['keypoints'])
    assert crowds(1, 7, (64, 64), joints=14)[0]['keypoints'].shape == (7, 14, 2)


@pytest.mark.parametrize('flip', [True, False])
@pytest.mark.parametrize('batch', [1, 2])
def test_parts_are_those_of_the_prediction(work, scenes, batch, flip):
    case = Case(work, scenes, batch, flip)
    whole = case.predict(case.levels(4))
    seconds = case.stages(4)
    answers = case.convolved(4)
    parts = [case.post_detector(case.maps(4), answers), case.grouping(case.merged(4), answers)]
    for part in parts:
        assert len(part) == len(whole) == batch
        for alone, sample in zip(part, whole, strict=True):
            assert len(alone.keypoints) > 0
            # the estimator moves its keypoints to the original image, here the same pixels
            for name in ('keypoints', 'keypoint_scores'):
                torch.testing.assert_close(
                    torch.as_tensor(alone[name]),
                    torch.as_tensor(sample.pred_instances[name]),
                    check_dtype=False,
                )
    seconds.call(seconds.prepare())
    assert list(case.stage_seconds[4][0]) == list(STAGES)
    owners = (case.head, case.head.detector, case.head.neck.center_embed)
    for owner in owners:  # nothing stays replaced
        assert not {'forward', 'detect', 'on_windows', 'at_cells', 'propose', 'merge'} & set(
            vars(owner)
        )


@pytest.mark.parametrize('flip', [True, False])
def test_associative_embedding_finds_the_people_of_the_same_scene(work, flip):
    scenes = work.scenes((192, 192), 1, 3)
    case = Case(work, scenes, 1, flip)
    maps, tags = case.ae_inputs(3)
    assert maps.shape == (1, 17, 192, 192) and tags.shape == (1, 34 if flip else 17, 192, 192)
    labels = scenes.labels(0, 3)
    for keypoints, scores, _ in (
        case.decoder.decode(maps, tags),
        case.ae_predict((case.levels(3), case.tags(3))),
    ):
        assert len(keypoints[0]) == 3
        for joints, visible in zip(labels['joints'], labels['joints_visible'], strict=True):
            seen = visible[:-1] > 0
            error = np.linalg.norm(keypoints[0] - joints[:-1], axis=-1)[:, seen]
            assert np.median(error, axis=1).min() < 2
        assert (scores[0] > 0).any()


def test_training_steps_reach_what_they_claim(work, scenes):
    steps = work.training_calls(scenes, 2, 4)
    for name in ('train_detector', 'train_frozen'):
        assert steps[name]() > 0
        assert work.head.neck.layers[0].norm1.weight.grad is None
        assert work.head.detector.final_layers[0].weight.grad.abs().sum() > 0
    assert steps['train_step']() > 0
    without = [n for n, p in work.model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
    assert not work.model.training


def test_norms_learn_only_where_the_detector_is_trained_alone():
    cfg = Config.fromfile(TINY)
    cfg.model.head.freeze_detector_bn = True
    work = Workload(cfg)
    steps = work.training_calls(work.scenes((64, 64), 1, 2), 1, 2)
    norm = work.head.detector.deconv_layers[0][0][1]
    for name, learns in (('train_detector', True), ('train_frozen', False), ('train_step', False)):
        before = norm.running_mean.clone()
        steps[name]()
        assert (norm.weight.grad is not None) is learns
        assert torch.equal(norm.running_mean, before) is not learns
        assert not norm.weight.requires_grad
