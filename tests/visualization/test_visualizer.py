"""Pictures of attention and heatmaps, through MMPose's own ways of drawing."""

from __future__ import annotations

import copy

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample, merge_data_samples
from mmpose.visualization import PoseLocalVisualizer

import centergroup_mm  # noqa: F401
from centergroup_mm.visualization import CenterGroupVisualizer
from centergroup_mm.visualization.attention import persons_of

from ..helpers.explained import explanation
from ..helpers.exported import checkpoint, short_config

META = dict(
    num_keypoints=3,
    skeleton_links=[(0, 1), (1, 2)],
    keypoint_colors=np.full((3, 3), 255, np.uint8),
    skeleton_link_colors=np.full((2, 3), 255, np.uint8),
)
BACKENDS = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]


def sample(attention: bool = True) -> PoseDataSample:
    """An image of 100 x 80 pixels, the left part of a square input with maps of 10 x 10 cells."""
    found = explanation()
    meta = dict(
        input_size=(40, 40), input_center=np.array([50.0, 50.0]), input_scale=np.array([100.0] * 2)
    )
    data = PoseDataSample(metainfo=meta)
    if attention:
        data.set_metainfo(dict(attention=found))
    data.pred_instances = InstanceData(
        keypoints=found.points[:2],
        keypoint_scores=found.visibility[:2],
        bbox_scores=found.scores[:2],
        bboxes=np.array([[0, 0, 50, 50]] * 2),
    )
    maps = torch.zeros(4, 10, 10)
    maps[0, 2, 7], maps[3, 6, 3] = 1, 1  # a keypoint at (75, 25) and a center at (35, 65)
    data.pred_fields = PixelData(heatmaps=maps)
    return data


def visualizer(**options) -> CenterGroupVisualizer:
    drawer = CenterGroupVisualizer(side=100, **options)
    drawer.set_dataset_meta(META)
    return drawer


GRAY = np.full((80, 100, 3), 120, np.uint8)


def colored(picture: np.ndarray) -> np.ndarray:
    """Where a picture has a color [H x W] bool."""
    return np.ptp(picture.astype(int), axis=-1) > 60


def panels(picture: np.ndarray) -> list[np.ndarray]:
    """The panels of a picture of four, without their captions."""
    half, wide = (picture.shape[0] - 6) // 2, (picture.shape[1] - 6) // 2
    return [
        picture[top : top + half, left : left + wide][-80:]
        for top in (0, half + 6)
        for left in (0, wide + 6)
    ]


def test_panels_show_proposals_attention_poses_and_heatmaps():
    drawn = visualizer().add_datasample('test', GRAY, sample(), draw_heatmap=True)
    proposals, attention, poses, heatmaps = panels(drawn)
    found = explanation()
    for point in found.keypoints[found.keypoint_valid]:
        x, y = point.astype(int)
        assert colored(proposals)[y - 1 : y + 2, x - 1 : x + 2].any()
    # the line from the first center to its first keypoint, and none to that of the other person
    middle = (found.centers[0] + found.keypoints[0]) / 2
    x, y = middle.astype(int)
    assert colored(attention)[y - 1 : y + 2, x - 1 : x + 2].any()
    x, y = ((found.centers[0] + found.keypoints[1]) / 2).astype(int)
    assert not colored(attention)[y - 1 : y + 2, x - 1 : x + 2].any()
    assert colored(poses).any()
    # RGB: keypoints in orange, centers in blue, where they are in the image
    assert heatmaps[25, 75, 0] > heatmaps[25, 75, 2] + 60
    assert heatmaps[65, 35, 2] > heatmaps[65, 35, 0] + 60


def test_a_line_is_as_strong_as_its_weight():
    found = explanation()
    weak = found._replace(weights=found.weights.copy())
    weak.weights[-1, 0, 0] = [0.3, 0.7, 0]
    strength = []
    for each in (found, weak):
        data = sample()
        data.set_metainfo(dict(attention=each))
        attention = panels(visualizer().add_datasample('t', GRAY, data, draw_heatmap=True))[1]
        x, y = ((found.centers[0] + found.keypoints[0]) / 2).astype(int)
        strength.append(np.ptp(attention[y - 1 : y + 2, x - 1 : x + 2].astype(int), -1).max())
    assert strength[0] > 1.5 * strength[1] > 30


def test_false_centers_are_no_persons():
    found = explanation()
    assert persons_of(found, found.points[:2], 0.3).tolist() == [0, 1, -1]
    assert persons_of(found, found.points[:2], 0.85).tolist() == [0, -1, -1]
    assert persons_of(found, found.points[:0], 0.3).tolist() == [-1, -1, -1]


def test_without_attention_it_draws_what_mmpose_draws():
    stock = PoseLocalVisualizer()
    stock.set_dataset_meta(META)
    drawn, expected = (
        drawer.add_datasample('test', GRAY, sample(attention=False), draw_gt=False)
        for drawer in (visualizer(), stock)
    )
    np.testing.assert_array_equal(drawn, expected)
    with_maps = visualizer().add_datasample(
        'test', GRAY, sample(attention=False), draw_gt=False, draw_heatmap=True
    )
    assert with_maps.shape == (160, 100, 3)
    assert with_maps[80 + 25, 75, 0] > with_maps[80 + 25, 75, 2] + 60


def test_attention_survives_what_the_hook_does_with_samples():
    merged = merge_data_samples([copy.deepcopy(set_shape(sample()))])
    drawn = visualizer().add_datasample('test', GRAY, merged, draw_heatmap=True)
    expected = visualizer().add_datasample('test', GRAY, sample(), draw_heatmap=True)
    np.testing.assert_array_equal(drawn, expected)


def set_shape(data: PoseDataSample) -> PoseDataSample:
    data.set_metainfo(dict(ori_shape=(80, 100)))
    return data


def test_pictures_reach_the_backends(tmp_path):
    pytest.importorskip('tensorboard', reason='tensorboard is not installed')
    drawer = visualizer(vis_backends=BACKENDS, save_dir=str(tmp_path))
    drawer.add_datasample('test', GRAY, sample(), step=3)
    drawer.close()
    assert (tmp_path / 'vis_image' / 'test_3.png').is_file()
    assert list(tmp_path.rglob('events.out.tfevents*'))


def test_the_inferencer_shows_heatmaps_and_attention_of_a_bottom_up_model(tmp_path):
    from mmpose.apis import MMPoseInferencer

    cfg = Config.fromfile(short_config())
    cfg.model.test_cfg.output_attention = True
    cfg.dump(tmp_path / 'short.py')
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'image.png'), image)
    inferencer = MMPoseInferencer(
        pose2d=str(tmp_path / 'short.py'), pose2d_weights=str(checkpoint(short_config()))
    )
    sizes = {}
    for heatmaps in (True, False):  # on, and off again
        given = dict(return_vis=True, draw_heatmap=heatmaps, return_datasamples=True)
        (result,) = inferencer(str(tmp_path / 'image.png'), **given)
        (found,) = result['predictions']
        assert ('pred_fields' in found) == heatmaps and 'attention' in found.metainfo
        sizes[heatmaps] = result['visualization'][0].shape
    assert sizes[True] == sizes[False]  # the fourth panel is filled, or white
