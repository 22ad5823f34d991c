"""`CenterGroupHead` over a detector that is not HRNet: the written protocol is all it needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

import centergroup_mm  # noqa: F401
from centergroup_mm.models.heads import CenterGroupHead, Detector, DetectorMaps

K, CHANNELS, SIZE = 3, 8, (64, 48)  # [w, h]


class RegressingDetector(nn.Module):
    """One level at 1/4 with heatmaps, regressed keypoints and sizes from 1x1 convolutions."""

    with_center = True
    strides = (4,)

    def __init__(self, num_keypoints: int = K, regresses: bool = True) -> None:
        super().__init__()
        self.num_keypoints = num_keypoints
        self.regresses = regresses
        self.heatmaps = nn.Conv2d(CHANNELS, num_keypoints + 1, 1)
        self.shapes = nn.Conv2d(CHANNELS, 2 * num_keypoints + 2, 1)

    def detect(self, feats: Sequence[Tensor]) -> DetectorMaps:
        heatmaps = self.heatmaps(feats[-1]).sigmoid()
        if not self.regresses:
            return DetectorMaps([heatmaps])
        shapes = self.shapes(feats[-1])
        joints = shapes[:, :-2].unflatten(1, (-1, 2))
        return DetectorMaps([heatmaps], joints=joints, sizes=shapes[:, -2:].exp())

    def map_losses(self, maps: DetectorMaps, batch_data_samples: Sequence) -> dict[str, Tensor]:
        targets = torch.stack([s.gt_fields.heatmaps[0] for s in batch_data_samples])
        return dict(loss_heatmap=(maps.heatmaps[0] - targets).square().mean())


@pytest.fixture(scope='module', autouse=True)
def registered():
    init_default_scope('mmpose')
    MODELS.register_module(module=RegressingDetector, force=True)
    yield
    MODELS._module_dict.pop('RegressingDetector')


def build(geometry: bool, regresses: bool = True) -> CenterGroupHead:
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='CenterGroupHead',
            num_slots=20,
            detector=dict(type='RegressingDetector', regresses=regresses),
            neck=dict(
                type='CenterGroupNeck',
                in_channels=CHANNELS,
                num_keypoints=K,
                channels=16,
                hidden=32,
            ),
            grouping=dict(
                type='AttentionGrouping',
                num_keypoints=K,
                channels=16,
                head_channels=8,
                mlp_channels=16,
                geometry=geometry,
            ),
            loss=dict(type='CenterGroupLoss', sigmas=[0.05] * K),
            decoder=dict(type='AttentionGroupingCodec', input_size=SIZE),
        )
    )


def sample() -> PoseDataSample:
    """An image with one person, as the training pipeline packs it."""
    width, height = SIZE
    fields = PixelData()
    fields.set_field([torch.zeros(K + 1, height // 4, width // 4)], 'heatmaps', dtype=None)
    for name in ('padding_mask', 'label_mask'):
        masks = [torch.ones(height // 4, width // 4), torch.ones(height, width)]
        fields.set_field(masks, name, dtype=None)
    joints = torch.tensor([[[20.0, 10.0], [30.0, 20.0], [25.0, 30.0], [25.0, 20.0]]])
    labels = InstanceData(
        joints=joints,
        joints_visible=torch.ones(1, K + 1),
        box_sizes=torch.tensor([[40.0, 40.0]]),
        matchable=torch.ones(1),
    )
    meta = dict(
        input_size=SIZE,
        input_center=np.array(SIZE) / 2,
        input_scale=np.array(SIZE, dtype=float),
        ori_shape=SIZE[::-1],
        flip_indices=[1, 0, 2],
    )
    data = PoseDataSample(metainfo=meta)
    data.gt_fields, data.gt_instance_labels = fields, labels
    return data


def features(batch: int = 2) -> tuple[Tensor, ...]:
    torch.manual_seed(1)
    return (torch.randn(batch, CHANNELS, SIZE[1] // 4, SIZE[0] // 4),)


def test_the_detector_fulfills_the_protocol():
    assert isinstance(RegressingDetector(), Detector)
    assert not isinstance(nn.Conv2d(1, 1, 1), Detector)


@pytest.mark.parametrize('geometry', [False, True], ids=['content alone', 'geometry'])
@pytest.mark.parametrize('flip', [False, True], ids=['one view', 'flip'])
def test_poses_of_a_detector_with_one_level(geometry, flip):
    head = build(geometry).eval()
    feats = [features(), features()] if flip else features()
    with torch.no_grad():
        found = head.predict(feats, [sample(), sample()], dict(flip_test=flip))
    assert all(len(poses) and np.isfinite(poses.keypoints).all() for poses in found)


def test_geometry_learns_and_leaves_the_detector_alone():
    head = build(geometry=True).train()
    losses = head.loss(features(1), [sample()])
    sum(value for name, value in losses.items() if name != 'loss_heatmap').backward()
    assert head.grouping[-1].distance.weight.grad.abs().sum() > 0
    assert head.detector.shapes.weight.grad is None


def test_geometry_draws_attention_to_where_the_joint_is_expected():
    head = build(geometry=True).eval()
    with torch.no_grad():
        head.grouping[-1].distance.weight.fill_(1e4)
        detection = head.detect([features(1)])
        full = torch.ones(1, *SIZE[::-1])
        output, centers = head.infer(detection, (full[:, ::4, ::4], full))
        keypoints, proposed = head.propose(detection.maps, full, full > 0)
        expected = head.expect(proposed, detection.detected)
    keypoints = keypoints.flatten()
    points = keypoints.points[0][keypoints.valid[0]].float()
    distance = torch.cdist(expected.points[0].flatten(0, 1), points)
    nearest = points[distance.argmin(1)].view_as(output.hard_points[0])
    valid = centers.valid[0]
    assert valid.any() and torch.equal(output.hard_points[0][valid], nearest[valid])


def test_geometry_without_regressed_keypoints_is_refused():
    head = build(geometry=True, regresses=False).eval()
    with torch.no_grad(), pytest.raises(ValueError, match='regresses keypoints'):
        head(features())
