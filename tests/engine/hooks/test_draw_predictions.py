"""``--show-dir`` and ``--interval`` draw the images that they say, in the folder that they name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample

from centergroup_mm.engine.hooks import DrawPredictionsHook


def sample(folder: Path, number: int) -> PoseDataSample:
    """One person in a black photograph."""
    path = folder / f'{number}.png'
    cv2.imwrite(str(path), np.zeros((64, 96, 3), np.uint8))
    result = PoseDataSample(metainfo=dict(img_path=str(path), img_id=number, ori_shape=(64, 96)))
    keypoints = np.linspace(5, 60, 34).reshape(1, 17, 2)
    result.pred_instances = InstanceData(
        keypoints=keypoints,
        keypoint_scores=np.ones((1, 17)),
        keypoints_visible=np.ones((1, 17)),
        bboxes=np.array([[5.0, 5.0, 60.0, 60.0]]),
        bbox_scores=np.ones(1),
    )
    return result


def test_every_third_image_is_drawn_where_it_was_asked_for(tmp_path: Path) -> None:
    VISUALIZERS.build(dict(type='PoseLocalVisualizer', name='draw_predictions'))
    meta = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))
    evaluator = SimpleNamespace(dataset_meta=meta)
    runner = SimpleNamespace(iter=20, val_evaluator=evaluator, test_evaluator=evaluator)
    images = [sample(tmp_path, number) for number in range(8)]
    hook = DrawPredictionsHook(str(tmp_path / 'drawn'), interval=3)
    hook.before_val(runner)
    for batch in (images[:4], images[4:]):
        hook.after_val_iter(runner, 0, None, batch)
    names = sorted(path.name for path in (tmp_path / 'drawn/iter_20').iterdir())
    assert names == ['0_0.jpg', '3_3.jpg', '6_6.jpg']
    assert cv2.imread(str(tmp_path / 'drawn/iter_20/3_3.jpg')).max() > 100, 'nothing is drawn'
    hook = DrawPredictionsHook(str(tmp_path / 'tested'))
    hook.after_test_iter(runner, 0, None, images[:2])
    assert len(list((tmp_path / 'tested').iterdir())) == 2
