"""Synthetic crowds for the benchmark: images, painted heatmaps and painted tags.

The detector of a model with random weights sees no people.  Maps painted from the people of
synthetic scenes make proposals, masks and poses as many as with a trained model.  Axis letters:
B images, N persons, K keypoint types, T = K + 1 heatmap types.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from centergroup_mm.synthetic import make_scene
from centergroup_mm.utils.errors import UserError

#: painted maps are slightly lower than the targets, so that their loss has a gradient
PEAK = 0.9
#: tags of two people differ by at least this; associative embedding separates groups at 1
TAG_STEP = 2.0
#: number of people that differ between an image and the next
_SHIFT = 4


def crowds(images: int, people: int, size: tuple[int, int], joints: int) -> list[dict[str, Any]]:
    """Gather the people of consecutive synthetic scenes.

    Args:
        images: how many crowds; each shares most of its people with the next.
        people: how many in each, N.
        size: (w, h) of the scenes in pixels.
        joints: 17 for COCO, 14 for CrowdPose.

    Returns:
        for each crowd ``image`` [h x w x 3] of one scene, ``keypoints``
        [N x K x 2] in pixels, ``keypoints_visible`` [N x K] and ``bbox`` [N x 4]
        (x1, y1, x2, y2).
    """
    name = {17: 'keypoints', 14: 'crowdpose_keypoints'}.get(joints)
    if name is None:
        raise UserError(f'the synthetic scenes have 17 or 14 joints, the model {joints}')
    drawn, found = [], []
    while len(found) < people + _SHIFT * (images - 1):
        scene = make_scene('full', 0, len(drawn), size)
        drawn.append(scene.image)
        found += [person for person in scene.persons if (getattr(person, name)[:, 2] > 0).any()]
    results = []
    for index in range(images):
        chosen = found[_SHIFT * index : _SHIFT * index + people]
        keypoints = np.stack([getattr(person, name) for person in chosen])
        boxes = np.stack([person.bbox for person in chosen]).astype(np.float32)
        boxes[:, 2:] += boxes[:, :2]
        results.append(
            dict(
                image=drawn[index % len(drawn)],
                keypoints=keypoints[..., :2],
                keypoints_visible=keypoints[..., 2],
                bbox=boxes,
            )
        )
    return results


class Scenes:
    """Images of one size, and what a perfect detector would predict for them.

    Fewer people are the first of a crowd, so that numbers of people are compared on one scene.

    Args:
        cfg: of the model; its codec paints the heatmaps.
        size: (w, h) of the network input in pixels.
        images: how many.
        people: the most of each.
        joints: K.
        device: where maps are wanted.
    """

    def __init__(
        self,
        cfg: Config,
        size: tuple[int, int],
        images: int,
        people: int,
        joints: int,
        device: torch.device | str = 'cpu',
    ) -> None:
        self.size = size
        self.device = torch.device(device)
        self.crowds = crowds(images, people, size, joints)
        self.codec = KEYPOINT_CODECS.build({**cfg.model.head.decoder, 'input_size': size})
        images = torch.from_numpy(np.stack([crowd['image'] for crowd in self.crowds]))
        images = images.to(self.device).permute(0, 3, 1, 2).float()
        self.images = ((images - 128) / 58).contiguous()  # [B x 3 x H x W]
        self._labels: dict[tuple[int, int], dict[str, Any]] = {}

    def labels(self, image: int, people: int) -> dict[str, Any]:
        """What the codec encodes of one image."""
        if (image, people) not in self._labels:
            crowd = self.crowds[image]
            self._labels[image, people] = self.codec.encode(
                **{key: value[:people] for key, value in crowd.items() if key != 'image'}
            )
        return self._labels[image, people]

    def levels(self, images: int, people: int) -> list[Tensor]:
        """Heatmaps [B x T x h x w] at 1/4 and 1/2 of the input, for the first B images."""
        labels = [self.labels(image, people)['heatmaps'] for image in range(images)]
        return [
            PEAK * torch.from_numpy(np.stack(level)).to(self.device)
            for level in zip(*labels, strict=True)
        ]

    def tags(self, images: int, people: int) -> Tensor:
        """Tags [B x K x h x w] at 1/4: in each cell that of the person with the nearest joint."""
        return torch.stack([self._tags(image, people) for image in range(images)])

    def _tags(self, image: int, people: int) -> Tensor:
        labels = self.labels(image, people)
        joints = torch.from_numpy(labels['joints'][:, :-1]) / 4  # [N x K x 2]
        visible = torch.from_numpy(labels['joints_visible'][:, :-1]) > 0
        width, height = (side // 4 for side in self.size)
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
        cells = torch.stack([x, y], dim=-1).flatten(0, 1) + 0.5  # [h w x 2]
        far = torch.full((), float('inf'))
        maps = []
        for joint in range(joints.shape[1]):
            distance = torch.cdist(cells, joints[:, joint])  # [h w x N]
            nearest = torch.where(visible[:, joint], distance, far).argmin(-1)
            maps.append(TAG_STEP * (nearest + 1.0).view(height, width))
        return torch.stack(maps).to(self.device)

    def training_samples(self, images: int, people: int) -> list[SimpleNamespace]:
        """Labels of the first images as the head's loss reads them; they fill the input."""
        return [self._training_sample(self.labels(image, people)) for image in range(images)]

    def _training_sample(self, label: dict[str, Any]) -> SimpleNamespace:
        tensors = {
            key: torch.from_numpy(np.asarray(label[key])).to(self.device)
            for key in ('joints', 'joints_visible', 'box_sizes', 'matchable')
        }
        maps = [torch.from_numpy(level).to(self.device) for level in label['heatmaps']]
        height, width = (2 * side for side in maps[-1].shape[-2:])
        whole = [
            torch.ones(height // stride, width // stride, device=self.device) for stride in (4, 1)
        ]
        fields = SimpleNamespace(
            heatmaps=maps,
            heatmap_mask=[torch.ones_like(level[0]) for level in maps],
            label_mask=[mask > 0 for mask in whole],
            padding_mask=whole,
        )
        return SimpleNamespace(gt_fields=fields, gt_instance_labels=SimpleNamespace(**tensors))
