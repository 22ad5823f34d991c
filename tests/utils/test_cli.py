"""How the tools adapt a config."""

from __future__ import annotations

import pytest
from mmengine.config import Config

import centergroup_mm  # noqa: F401
from centergroup_mm.utils.cli import choose_estimator

from ..conftest import ROOT

STOCK, OURS = 'BottomupPoseEstimator', 'mmpose.MixedSizePoseEstimator'


@pytest.mark.parametrize(
    ('change', 'wanted'),
    [
        ({}, STOCK),
        ({'test_dataloader.batch_size': 8}, OURS),
        ({'val_dataloader.batch_size': 2}, OURS),
        ({'model.test_cfg.multiscale_test': True}, OURS),
        ({'model.type': 'TopdownPoseEstimator', 'test_dataloader.batch_size': 8}, None),
    ],
    ids=['one by one', 'test batches', 'validation batches', 'several scales', 'another model'],
)
def test_batches_get_the_estimator_that_takes_several_sizes(change, wanted):
    cfg = Config.fromfile(ROOT / 'configs' / 'centergroup_w32_coco.py')
    assert cfg.model.type == STOCK
    cfg.merge_from_dict(change)
    choose_estimator(cfg)
    assert cfg.model.type == (wanted or 'TopdownPoseEstimator')
