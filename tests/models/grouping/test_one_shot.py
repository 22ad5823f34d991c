"""One-shot grouping on maps that are drawn by hand."""

from __future__ import annotations

import numpy as np
import torch

from centergroup_mm.codecs import MoveNetCodec
from centergroup_mm.models.grouping.one_shot import MoveNetMaps, snap_to_joints

NUM_KEYPOINTS = 3
SIZE = (96, 64)  # (w, h) in pixels


def perfect_maps(joints: np.ndarray, boxes: np.ndarray, visible: np.ndarray | None = None):
    """Maps a perfect network would give: [N x K x 2] joints and [N x 4] boxes in pixels."""
    visible = np.ones(joints.shape[:2]) if visible is None else visible
    encoded = MoveNetCodec(input_size=SIZE).encode(joints, visible, boxes)
    heatmaps = torch.from_numpy(encoded['heatmaps'][0]).clamp(1e-4, 0.999).logit()[None]
    height, width = heatmaps.shape[-2:]
    number = joints.shape[1]
    scale, offset = torch.zeros(2, 1, 2, height, width)
    regress, kpt_offset = torch.zeros(2, 1, number, 2, height, width)
    for person, box in zip(encoded['joints'] / 4, encoded['boxes'] / 4, strict=True):
        middle = (box[:2] + box[2:]) / 2
        x, y = middle.astype(int)
        scale[0, :, y, x] = torch.tensor([box[3] - box[1], box[2] - box[0]])
        offset[0, :, y, x] = torch.tensor(middle[::-1] - [y, x])
        for kind, joint in enumerate(person):
            regress[0, kind, :, y, x] = torch.tensor(joint[::-1] - [y, x])
            u, v = joint.astype(int)
            kpt_offset[0, kind, :, v, u] = torch.tensor(joint[::-1] - [v, u])
    return MoveNetMaps(
        center=heatmaps[:, -1:],
        box_scale=scale,
        box_offset=offset,
        kpt_heatmap=heatmaps[:, :-1],
        kpt_regress=regress.flatten(1, 2),
        kpt_offset=kpt_offset.flatten(1, 2),
    )


def people(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """People side by side: joints [N x K x 2] and boxes [N x 4] in pixels."""
    rng = np.random.default_rng(seed)
    width = SIZE[0] / max(number, 1)
    left = np.arange(number)[:, None] * width
    x = left + rng.uniform(0.1, 0.9, (number, NUM_KEYPOINTS)) * width
    y = rng.uniform(4, SIZE[1] - 4, (number, NUM_KEYPOINTS))
    boxes = np.concatenate(
        [left, np.zeros((number, 1)), left + width, np.full((number, 1), SIZE[1])], 1
    )
    return np.stack([x, y], -1).astype(np.float32), boxes.astype(np.float32)


def test_every_number_of_people_comes_back():
    for number in (0, 1, 2, 4):
        joints, boxes = people(number)
        poses = snap_to_joints(perfect_maps(joints, boxes), max_people=6)
        assert poses.keypoints.shape == (1, 6, NUM_KEYPOINTS, 2)
        found = poses.scores[0] > 0.5
        assert found.sum() == number
        keypoints = poses.keypoints[0, found].numpy() * 4
        order = keypoints.mean((1, 2)).argsort() if number else []
        expected = joints[joints.mean((1, 2)).argsort()] if number else joints
        np.testing.assert_allclose(keypoints[order], expected, atol=1e-3)


def test_a_joint_is_not_looked_for_outside_the_box():
    joints, boxes = people(2)
    maps = perfect_maps(joints, boxes)
    boxes[0, 2] /= 2  # the first person's joints right of the middle of its box are outside
    narrow = perfect_maps(joints, boxes)
    maps = maps._replace(box_scale=narrow.box_scale, box_offset=narrow.box_offset)
    maps = maps._replace(center=narrow.center, kpt_regress=narrow.kpt_regress)
    poses = snap_to_joints(maps, max_people=2)
    first = int(poses.boxes[0, :, 0].argmin())
    assert (poses.boxes[0, first, 2] * 4 <= boxes[0, 2] + 1e-3).all()
    in_box = poses.keypoint_scores[0, first] > 0.3
    x = poses.keypoints[0, first, :, 0] * 4
    assert (x[in_box] < boxes[0, 2] + 4).all() and not in_box.all()


def test_a_batch_is_its_images():
    scenes = [perfect_maps(*people(number, seed=number)) for number in (3, 0, 1)]
    batch = MoveNetMaps(*(torch.cat(parts) for parts in zip(*scenes, strict=True)))
    together = snap_to_joints(batch, max_people=5)
    for index, maps in enumerate(scenes):
        alone = snap_to_joints(maps, max_people=5)
        for one, many in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], many[index], rtol=0, atol=0)


def test_a_flat_map_has_no_more_people_than_peaks():
    flat = perfect_maps(*people(0))
    poses = snap_to_joints(flat._replace(center=torch.full_like(flat.center, -200.0)), 4)
    assert not poses.valid.any() and (poses.scores == 0).all()
