"""Every shipped config resolves to what it was when it was one long file.

``resolved.json`` is the state before configs became differences from one another.  What was
changed on purpose since then is listed here, change by change.
"""

from __future__ import annotations

import re
from pathlib import Path

import mmpose
import pytest
from mmpose.registry import DATASETS

from centergroup_mm.utils.skeleton import read_metainfo

from .snapshot import ROOT, Settings, read_snapshot, resolve, shipped_configs

BEFORE = read_snapshot()
#: trainings that resume exactly, stop at NaN, and save when they are told to stop
SAFE_TRAINING = {
    'default_hooks.checkpoint.type': 'AtomicCheckpointHook',
    'default_hooks.randomness.type': 'RandomnessHook',
    'default_hooks.finite_training.type': 'FiniteTrainingHook',
    'default_hooks.graceful_stop.type': 'GracefulStopHook',
    'env_cfg.dist_cfg.timeout': 1800,
}


def apply_intended_changes(path: str, settings: Settings) -> Settings:
    """Settings of a config before, with every change made on purpose since."""
    settings = {**checked_annotations(path, settings), **SAFE_TRAINING}
    if 'model.head.metainfo' in settings:
        return settings  # newer than the other changes
    if path.endswith('_ms.py'):  # MMPose's estimator stacks the scales of an image
        assert settings['model.type'] == 'BottomupPoseEstimator'
        settings['model.type'] = 'MixedSizePoseEstimator'
    if 'ochuman' in path:
        # one hint for W32 and W48, which no longer names the config to train with
        settings['data_hint'] = re.sub(
            r'train with configs/centergroup_w\d+_coco.py',
            'train with the config for COCO',
            settings['data_hint'],
        )
    return skeleton_once(settings)


def checked_annotations(path: str, settings: Settings) -> Settings:
    """What reads checks what it reads; only COCO's own images without people stay out."""
    mmpose = ('CocoDataset', 'CrowdPoseDataset', 'OCHumanDataset', 'CocoMetric')
    settings = {k: f'Bottomup{v}' if v in mmpose else v for k, v in settings.items()}
    settings = {k: 'LoadPoseImage' if v == 'LoadImage' else v for k, v in settings.items()}
    if 'train_dataloader.dataset.ann_file' in settings and 'synthetic' not in path:
        settings['train_dataloader.dataset.keep_empty'] = 'finetune' in path
    return settings


def skeleton_once(settings: Settings) -> Settings:
    """The head reads the skeleton of the dataset, which says what the config had said itself."""
    dataset = settings['train_dataloader.dataset.type']
    skeleton = read_metainfo(dataset)
    kept = dict(settings)
    for key, value in settings.items():
        name = key.rpartition('.')[2]
        if name == 'num_joints':
            assert value == skeleton.num_keypoints
        elif name == 'sigmas':
            assert value == pytest.approx(skeleton.sigmas)
        elif name == 'decode_keypoint_order':
            assert value == skeleton.grouping_order
        else:
            continue
        del kept[key]
    return {**kept, 'model.head.metainfo': dataset}


@pytest.mark.parametrize('path', shipped_configs())
def test_a_config_resolves_to_what_it_was(path):
    assert path in BEFORE, f'a new config: add it with python -m tests.configs.snapshot {path}'
    expected, found = apply_intended_changes(path, BEFORE[path]), resolve(path)
    different = {
        key: (expected.get(key, 'absent'), found.get(key, 'absent'))
        for key in sorted({*expected, *found})
        if expected.get(key, 'absent') != found.get(key, 'absent')
    }
    assert not different, f'{path}: setting (was, is now): {different}'


def test_no_config_of_the_snapshot_is_gone():
    assert set(BEFORE) <= set(shipped_configs())


def test_no_base_hides_a_skeleton_of_mmpose():
    # MMPose looks for configs/_base_/datasets/coco.py in the working folder first
    info = DATASETS.get('CocoDataset').METAINFO['from_file']
    theirs = Path(mmpose.__file__).with_name('.mim') / info
    assert theirs.is_file()
    names = {path.name for path in theirs.parent.iterdir()}
    assert not names & {path.name for path in (ROOT / info).parent.iterdir()}
