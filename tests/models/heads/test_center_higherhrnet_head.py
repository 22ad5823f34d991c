"""The detector's head: parameters, losses, grouping by tags."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.structures import MultilevelPixelData, PoseDataSample

from centergroup_mm.codecs import CenterAssociativeEmbedding
from centergroup_mm.models.heads import CenterHigherHRNetHead
from centergroup_mm.models.losses import MultiLevelHeatmapLoss

from ...parity.conftest import FOLDER, Reference, files_of

SIZE = (64, 96)  # (h, w)
FLIP = [0, 2, 1]
NUM_KEYPOINTS = 3


def codec(**kwargs) -> dict:
    return dict(type='CenterAssociativeEmbedding', input_size=SIZE[::-1], **kwargs)


def build(**kwargs) -> CenterHigherHRNetHead:
    torch.manual_seed(0)
    options = dict(
        in_channels=8,
        num_keypoints=NUM_KEYPOINTS,
        num_blocks=1,
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=0.001),
        decoder=codec(decode_keypoint_thr=0.0),
    )
    return CenterHigherHRNetHead(**(options | kwargs))


def samples_of(*numbers: int, size: tuple[int, int] = SIZE) -> list[PoseDataSample]:
    """Data samples with random persons, as the pipeline packs them."""
    rng = np.random.default_rng(0)
    samples = []
    for number in numbers:
        points = rng.uniform(0, 1, (number, NUM_KEYPOINTS, 2)) * size[::-1]
        encoded = CenterAssociativeEmbedding(size[::-1]).encode(points)
        fields = MultilevelPixelData()
        fields.heatmaps = encoded['heatmaps']
        fields.heatmap_mask = [np.ones(level.shape[1:], bool) for level in encoded['heatmaps']]
        sample = PoseDataSample(metainfo=dict(img_shape=size, flip_indices=FLIP))
        sample.gt_fields = fields.to_tensor()
        labels = InstanceData(keypoint_indices=encoded['keypoint_indices'])
        sample.gt_instance_labels = labels.to_tensor()
        samples.append(sample)
    return samples


def features(batch: int = 2, size: tuple[int, int] = SIZE, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 8, size[0] // 4, size[1] // 4, generator=generator)


@pytest.mark.parametrize(
    ('name', 'channels', 'joints', 'number'),
    [
        ('w32_coco', 32, 17, 110_902),
        ('w48_coco', 48, 17, 233_910),
        ('w48_crowdpose', 48, 14, 228_861),
    ],
)
def test_parameters_are_the_release(name, channels, joints, number):
    head = CenterHigherHRNetHead(channels, joints)
    assert sum(p.numel() for p in head.parameters()) == number
    path = FOLDER.parent / f'keys_det_{name}.json'
    if not path.is_file():
        pytest.skip(f'no {path}; set CENTERGROUP_REFERENCE')
    prefix = 'keypoint_head.'
    theirs = [
        (key[len(prefix) :], tuple(shape))
        for key, shape in json.loads(path.read_text()).items()
        if key.startswith(prefix)
    ]
    assert [(key, tuple(value.shape)) for key, value in head.state_dict().items()] == theirs


@pytest.mark.parametrize('with_center', [True, False])
@pytest.mark.parametrize('with_tags', [True, False])
def test_shapes(with_center, with_tags):
    head = build(with_center=with_center, with_tags=with_tags, tag_loss=None, decoder=None)
    heatmaps, tags = head.split(head((features(),)))
    num_types = NUM_KEYPOINTS + with_center
    assert [tuple(level.shape) for level in heatmaps] == [
        (2, num_types, 16, 24),
        (2, num_types, 32, 48),
    ]
    assert (None if tags is None else tuple(tags.shape)) == (
        (2, num_types, 16, 24) if with_tags else None
    )


def test_wrong_arguments():
    with pytest.raises(ValueError, match='with_tags'):
        build(with_tags=False)
    with pytest.raises(ValueError, match='with_center'):
        build(with_center=False)
    with pytest.raises(ValueError, match='decoder'):
        build(decoder=None).predict((features(),), samples_of(1, 1))


@pytest.mark.parametrize('numbers', [(2, 1), (0, 3), (0, 0)])
def test_losses_reach_every_parameter(numbers):
    head = build()
    losses = head.loss((features(),), samples_of(*numbers))
    assert set(losses) == {'loss_heatmap', 'loss_pull', 'loss_push'}
    assert all(torch.isfinite(value) for value in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in head.parameters())
    if not sum(numbers):
        assert losses['loss_pull'] == losses['loss_push'] == 0


def test_tag_losses_are_a_mean_over_images():
    head = build()
    maps = head((features(1).repeat(3, 1, 1, 1),))
    tags = head.split(maps)[1]
    sample = samples_of(2)
    once, thrice = head.tag_losses(tags[:1], sample), head.tag_losses(tags, sample * 3)
    for key in once:
        torch.testing.assert_close(once[key], thrice[key])


def test_heatmap_loss_ignores_masked_cells():
    prediction, target = torch.rand(2, 1, 4, 4)
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    loss = MultiLevelHeatmapLoss(loss_weight=3.0, foreground_weight=2.0)
    assert loss([prediction[None]], [target[None]], [mask]) == 0
    mask[0, 1, 2] = True
    error = (prediction - target)[0, 1, 2].square() * (1 + 2 * target[0, 1, 2])
    torch.testing.assert_close(loss([prediction[None]], [target[None]], [mask]), 3 * error / 16)


def test_heatmap_loss_is_float32_under_autocast():
    maps = torch.rand(1, 2, 4, 4, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = MultiLevelHeatmapLoss()([maps], [torch.rand(1, 2, 4, 4)], [torch.ones(1, 4, 4)])
    assert loss.dtype == torch.float32


def test_heatmap_loss_names_what_differs():
    maps = torch.rand(1, 2, 4, 4)
    with pytest.raises(ValueError, match='levels'):
        MultiLevelHeatmapLoss()([maps], [maps, maps], [maps[:, 0]])
    with pytest.raises(ValueError, match='targets'):
        MultiLevelHeatmapLoss()([maps], [maps[:, :1]], [maps[:, 0]])


@pytest.mark.parametrize('path', files_of('loss_group'))
@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_heatmap_loss_of_the_authors_program(path, mode):
    ref = Reference(path)
    loss = MultiLevelHeatmapLoss()(
        [ref['in/hm4'], ref['in/hm2']],
        [ref['in/targets_0'], ref['in/targets_1']],
        [ref['in/masks_0'], ref['in/masks_1']],
    )
    assert loss.item() == pytest.approx(ref[f'{mode}/loss_heatmap_loss'].item(), rel=1e-5)


# ---- test ---------------------------------------------------------------------------------


@pytest.fixture
def head(monkeypatch) -> CenterHigherHRNetHead:
    """A head that takes maps for features and answers with them."""
    head = build(decoder=codec())
    monkeypatch.setattr(head, 'forward', tuple)
    return head


def mirror(maps: list[torch.Tensor]) -> list[torch.Tensor]:
    """What a perfect network would say to the mirrored canvas."""
    types = torch.tensor([*FLIP, NUM_KEYPOINTS])
    with_tags = torch.cat([types, types + NUM_KEYPOINTS + 1])
    return [maps[0].flip(-1)[:, with_tags], maps[1].flip(-1)[:, types]]


def scene(points: list[list[tuple[float, float]]], size=SIZE) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps that a perfect head would give: one tag for each person."""
    points = np.array(points).reshape(-1, NUM_KEYPOINTS, 2)
    quarter, half = CenterAssociativeEmbedding(size[::-1]).encode(points)['heatmaps']
    tags = np.full_like(quarter, -20)
    for tag, person in enumerate(points):
        for kind, (x, y) in enumerate(person.astype(int) // 4):
            tags[kind, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = 5 * tag
    return torch.from_numpy(np.concatenate([quarter, tags]))[None], torch.from_numpy(half)[None]


LEFT = [(10.0, 10.0), (22.0, 30.0), (12.0, 50.0)]
RIGHT = [(70.0, 10.0), (62.0, 30.0), (80.0, 40.0)]


@pytest.mark.parametrize('flip', [False, True])
def test_batch_is_one_by_one(head, flip):
    """Images of different content, one of them without persons."""
    scenes = [scene([LEFT, RIGHT]), scene([]), scene([LEFT])]
    meta = dict(img_shape=SIZE, input_size=SIZE[::-1], flip_indices=FLIP)
    samples = [PoseDataSample(metainfo=meta) for _ in scenes]
    batch = [torch.cat(level) for level in zip(*scenes, strict=True)]

    def predict(maps, samples):
        feats = [maps, mirror(maps)] if flip else maps
        return head.predict(feats, samples, dict(flip_test=flip))

    together = predict(batch, samples)
    assert [len(poses) for poses in together] == [2, 0, 1]
    for maps, sample, poses in zip(scenes, samples, together, strict=True):
        alone = predict(maps, [sample])[0]
        for key in ('keypoints', 'keypoint_scores', 'bboxes', 'bbox_scores'):
            assert isinstance(poses[key], np.ndarray)
            np.testing.assert_array_equal(poses[key], alone[key])
    found = together[0].keypoints[np.argsort(together[0].keypoints[:, 0, 0])]
    assert np.abs(found - np.array([LEFT, RIGHT])).max() < 2.5
    np.testing.assert_array_equal(together[2].bboxes[0, :2], together[2].keypoints[0].min(0))


def test_flip_test_brings_the_mirror_back(head):
    maps = scene([LEFT, RIGHT])
    sample = PoseDataSample(metainfo=dict(img_shape=SIZE, flip_indices=FLIP))
    plain = head.predict(maps, [sample], dict(flip_test=False))[0]
    flipped = head.predict([maps, mirror(maps)], [sample], dict(flip_test=True))[0]
    np.testing.assert_allclose(flipped.keypoints, plain.keypoints, atol=1e-4)
    np.testing.assert_allclose(flipped.keypoint_scores, plain.keypoint_scores, atol=1e-6)


def test_score_threshold(head):
    sample = PoseDataSample(metainfo=dict(img_shape=SIZE))
    maps = scene([LEFT])
    assert len(head.predict(maps, [sample], dict(score_thr=2.0))[0]) == 0
    assert len(head.predict(maps, [sample], dict(score_thr=0.0))[0]) == 1
    with pytest.raises(ValueError, match='multi-scale'):
        head.predict(maps, [sample], dict(multiscale_test=True))


def test_predict_of_a_network():
    head = build().eval()
    torch.nn.init.normal_(head.final_layers[0].weight)
    with torch.no_grad():
        batch = head.predict((features(),), samples_of(1, 0))
        for index, together in enumerate(batch):
            alone = head.predict((features()[index : index + 1],), samples_of(1))[0]
            np.testing.assert_allclose(together.keypoints, alone.keypoints, atol=1e-4)
