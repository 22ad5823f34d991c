"""Training of the grouping on cached proposals, and the tool that does it."""

from __future__ import annotations

import numpy as np
import torch

from centergroup_mm.engine.grouping_trainer import set_standardization, train_grouping
from centergroup_mm.engine.proposal_cache import cache_views, stack_views
from tests.helpers.movenet import build_movenet

POINTS = dict(
    _delete_=True,
    type='PointCenterGroupHead',
    detector=dict(type='MoveNetHead'),
    metainfo='CocoDataset',
    channels=16,
    decode=dict(pose_channels=8),
    num_centers=6,
    num_peaks=4,
)


class Images:
    """Two images of noise with a person each, as a pipeline gives them."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict:
        rng = np.random.RandomState(index)
        return dict(
            img=rng.randint(0, 256, (64, 96, 3), dtype=np.uint8),
            keypoints=rng.uniform(10, 50, (1 + index, 17, 2)).astype(np.float32),
            keypoints_visible=np.ones((1 + index, 17), np.float32),
            bbox=np.array([[10, 10, 50, 50]] * (1 + index), np.float32),
        )


def model():
    from mmpose.registry import MODELS

    from centergroup_mm.utils.checks import load_config
    from tests.helpers.movenet import ROOT

    build_movenet()  # sets the scope
    cfg = load_config(str(ROOT / 'configs' / 'movenet_coco.py'))
    cfg.model.head = {k: v for k, v in POINTS.items() if k != '_delete_'}
    torch.manual_seed(0)
    return MODELS.build(cfg.model).eval()


def test_a_cached_view_is_what_the_head_sees():
    net = model()
    views = cache_views(net, Images(), 1)
    batch = stack_views(views[:1])
    image = torch.from_numpy(Images()[0]['img'].transpose(2, 0, 1).copy())
    inputs = net.data_preprocessor(dict(inputs=[image], data_samples=[]))['inputs']
    with torch.no_grad():
        feats = net.extract_feat(inputs)
        wanted, _, centers = net.head.group(feats, net.head.detector.detect(feats))
        found = net.head.grouping(batch.features, batch.keypoints, batch.centers)
    torch.testing.assert_close(found.points, wanted.points, atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(batch.centers.regressed, centers.regressed)


def test_views_of_different_numbers_of_persons_are_stacked():
    batch = stack_views(cache_views(model(), Images(), 2), num_centers=3)
    assert batch.persons.keypoints.shape == (4, 2, 17, 2)
    assert batch.persons.labeled.any(-1).sum(1).tolist() == [1, 2, 1, 2]
    assert batch.centers.logits.shape == (4, 3)
    torch.testing.assert_close(batch.persons.areas[0, 0], torch.tensor(0.53 * 100))


def test_training_lowers_the_losses_and_leaves_the_detector():
    net = model()
    views = cache_views(net, Images(), 2)
    before = {k: v.clone() for k, v in net.head.detector.state_dict().items()}
    set_standardization(net.head.grouping, views)
    assert net.head.grouping.embedding.std.min() > 0
    history = []
    train_grouping(
        net.head.grouping,
        net.head.loss_module,
        views,
        epochs=12,
        batch_size=4,
        report=lambda epoch, losses: history.append(sum(losses.values())),
    )
    assert len(history) == 12
    assert history[-1] < history[0]
    assert all(torch.equal(v, before[k]) for k, v in net.head.detector.state_dict().items())
