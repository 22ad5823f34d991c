"""Training of the whole photograph model: views, targets, units of the weights, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from finetune.balance import balance, unbalance
from finetune.photographs import Photographs, load_photographs
from finetune.targets import draw_heatmaps
from finetune.trainer import average_detector
from finetune.views import RandomViews, Views
from torch import nn

import centergroup_mm  # noqa: F401
from centergroup_mm.codecs import MoveNetCodec
from centergroup_mm.utils.skeleton import read_metainfo

ROOT = Path(__file__).resolve().parents[3]
FLIP = list(read_metainfo('CocoDataset').flip_indices)
#: where the photograph has white disks, so that pixels can be compared with labels
PLACES = [(70, 60), (200, 80), (90, 190)]


def one_photograph(number: int = 8) -> Photographs:
    """Copies of a photograph of 256 x 256 pixels with white disks at three labeled keypoints."""
    image = np.zeros((256, 256), dtype=np.uint8)
    keypoints, labeled = torch.zeros(1, 1, 17, 2), torch.zeros(1, 1, 17, dtype=torch.bool)
    for kind, (x, y) in enumerate(PLACES):
        # cv2 counts from the middle of a pixel, annotations from its corner
        cv2.circle(image, (x, y), 5, 255, -1)
        keypoints[0, 0, kind] = torch.tensor([x + 0.5, y + 0.5])
        labeled[0, 0, kind] = True
    images = torch.from_numpy(image).expand(1, 3, -1, -1)
    boxes = torch.tensor([[[60.0, 50.0, 210.0, 200.0]]])
    whole = Photographs(images, torch.tensor([[256.0, 256.0]]), keypoints, labeled, boxes)
    return Photographs(*(x.repeat(number, *[1] * (x.dim() - 1)) for x in whole))


def random_views(**options: object) -> Views:
    torch.manual_seed(0)
    settings = dict(side=256, shortest=200, longest=360, rotation=30.0, paste=0.0) | options
    return RandomViews(one_photograph(), FLIP, **settings).draw(torch.arange(8))


def test_labels_lie_on_what_they_label() -> None:
    views = random_views()
    seen = 0
    for image, keypoints, labeled in zip(
        views.images, views.keypoints[:, 0], views.labeled[:, 0], strict=True
    ):
        for x, y in keypoints[labeled]:
            # recoloring leaves a disk brighter than the black around it
            if 1 < x < 254 and 1 < y < 254:
                assert image[:, int(y), int(x)].mean() > 60
                seen += 1
    assert seen > 10


def test_a_mirrored_person_has_mirrored_names() -> None:
    views = random_views(rotation=0.0, whole=1.0)
    own = {tuple(kinds.nonzero()[:, 0].tolist()) for kinds in views.labeled[:, 0]}
    assert own == {(0, 1, 2)}  # the nose, and the eyes, which change places
    plain = views.keypoints[:, 0, 1, 1] < views.keypoints[:, 0, 2, 1]
    assert plain.any() and not plain.all()
    place = torch.tensor([200.5, 80.5])
    for is_plain, keypoints in zip(plain, views.keypoints[:, 0], strict=True):
        expected = place if is_plain else torch.tensor([256 - 90.5, 190.5])
        torch.testing.assert_close(keypoints[1], expected, atol=1e-3, rtol=0)


def test_pasted_views_have_the_persons_of_their_parts_only() -> None:
    views = random_views(paste=1.0, whole=1.0, rotation=0.0)
    assert (views.boxes[views.labeled.any(-1)] >= 0).all()
    assert (views.boxes[views.labeled.any(-1)] <= 256).all()
    points = views.keypoints[views.labeled]
    assert len(points) > 8
    assert ((points >= 0) & (points < 256)).all()


def test_heatmaps_are_those_of_the_codec() -> None:
    views = random_views()
    heatmaps = draw_heatmaps(views)
    codec = MoveNetCodec(input_size=(256, 256), min_inside=0.0)
    for index in range(len(heatmaps)):
        persons = views.labeled[index].any(-1)
        encoded = codec.encode(
            views.keypoints[index][persons].numpy(),
            views.labeled[index][persons].float().numpy(),
            views.boxes[index][persons].numpy(),
        )
        torch.testing.assert_close(
            heatmaps[index], torch.from_numpy(encoded['heatmaps'][0]), atol=1e-5, rtol=0
        )


def small_network() -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8, bias=False), nn.Conv2d(8, 4, 1)
    )
    with torch.no_grad():
        network[0].weight *= 1e-3  # as folded batch norms leave them
        network[0].bias *= 1e-3
        network[2].weight *= 1e3
    return network


def test_balancing_changes_units_and_nothing_else() -> None:
    network, images = small_network(), torch.randn(2, 3, 12, 12)
    before, keys = network(images), list(network.state_dict())
    with torch.no_grad():
        balance(network, lambda: network(images))
    torch.testing.assert_close(network(images), before)
    sizes = [
        parameter.detach().square().mean().sqrt()
        for name, parameter in network.named_parameters()
        if 'weight' in name
    ]
    assert max(sizes) / min(sizes) < 30  # of 1,000,000
    unbalance(network)
    assert list(network.state_dict()) == keys
    torch.testing.assert_close(network(images), before)


def test_the_detector_is_averaged_and_the_grouping_is_kept() -> None:
    class Model(nn.Module):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.backbone, self.neck = nn.Linear(1, 1), nn.Linear(1, 1)
            self.head = nn.Module()
            self.head.detector, self.head.grouping = nn.Linear(1, 1), nn.Linear(1, 1)
            for parameter in self.parameters():
                nn.init.constant_(parameter, value)

    model = Model(3.0)
    average_detector(model, Model(1.0).state_dict(), share=0.25)
    assert model.backbone.weight.item() == model.head.detector.bias.item() == 1.5
    assert model.head.grouping.weight.item() == 3.0


def test_photographs_are_read_with_their_persons(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((100, 200, 3), (0, 0, 255), dtype=np.uint8))
    keypoints = [0] * 51
    keypoints[:3] = [20, 40, 2]
    coco = dict(
        images=[dict(id=5, file_name='a.png', width=200, height=100)],
        annotations=[dict(image_id=5, keypoints=keypoints, bbox=[10, 20, 30, 60], iscrowd=0)],
    )
    read = load_photographs(coco, tmp_path, [5], 17, torch.device('cpu'), 100, lambda _: None)
    assert read.sizes.tolist() == [[100, 50]]
    assert read.images[0, :, 10, 10].tolist() == [255, 0, 0]  # RGB
    assert read.keypoints[0, 0, 0].tolist() == [10, 20]
    assert read.boxes[0, 0].tolist() == [5, 10, 20, 40]


@pytest.mark.slow
def test_the_command_trains_both_phases(tmp_path: Path) -> None:
    from centergroup_mm import zoo

    images = tmp_path / 'data' / 'images'
    images.mkdir(parents=True)
    coco = dict(images=[], annotations=[], categories=[dict(id=1, name='person')])
    rng = np.random.default_rng(0)
    for index in range(1, 6):
        cv2.imwrite(str(images / f'{index}.png'), rng.integers(0, 255, (96, 96, 3), np.uint8))
        coco['images'].append(dict(id=index, file_name=f'{index}.png', width=96, height=96))
        joints = np.concatenate([rng.integers(10, 80, (17, 2)), np.full((17, 1), 2)], 1)
        coco['annotations'].append(
            dict(
                id=index,
                image_id=index,
                category_id=1,
                keypoints=joints.flatten().tolist(),
                num_keypoints=17,
                bbox=[10, 10, 70, 70],
                area=2500.0,
                iscrowd=0,
            )
        )
    (tmp_path / 'data' / 'person_keypoints.json').write_text(json.dumps(coco))
    command = [sys.executable, 'projects/photographs/train.py', zoo.weights_of(zoo.PHOTOGRAPHS)]
    command += ['--data', tmp_path / 'data', '--out', tmp_path / 'out.pth', '--device', 'cpu']
    command += ['--steps', '2', '--grouping-steps', '2', '--batch-size', '2', '--side', '96']
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '1 photographs held out: AP ' in done.stdout
    state = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
    first = torch.load(zoo.weights_of(zoo.PHOTOGRAPHS), weights_only=True)['state_dict']
    assert state.keys() == first.keys()
    changed = {
        name.split('.')[0] for name in first if not torch.equal(first[name].float(), state[name])
    }
    assert changed == {'backbone', 'neck', 'head'}
