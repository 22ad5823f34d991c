"""A labeled image as the transforms get it."""

from __future__ import annotations

import numpy as np
from mmpose.structures.bbox import get_warp_matrix

FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
RNG = np.random.default_rng(0)


def results_of(num_persons: int = 2, size: tuple[int, int] = (120, 90)) -> dict:
    """What `LoadImage` hands on, for an image of [w, h]."""
    points = RNG.uniform(0, 1, (num_persons, 17, 2)) * size
    boxes = np.concatenate([points.min(1), points.max(1)], 1)
    return dict(
        img=RNG.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8),
        img_shape=(size[1], size[0]),
        ori_shape=(size[1], size[0]),
        id=list(range(num_persons)),
        img_id=1,
        flip_indices=FLIP_INDICES,
        keypoints=points.astype(np.float32),
        keypoints_visible=np.ones((num_persons, 17), np.float32),
        bbox=boxes.astype(np.float32),
        area=np.full(num_persons, 100.0, np.float32),
        invalid_segs=[],
    )


def program_crop(data, image: int) -> dict:
    """The crop that the official implementation drew for an image, from its random seed."""
    random = np.random.RandomState(int(data[f'raw/np_seed_{image}']))
    height, width = data[f'raw/image_{image}'].shape[:2]
    scale = random.random_sample() * 0.75 + 0.75
    random.random_sample()  # the angle, times 0
    side = min(height, width) * scale
    reach = 0.2 * side
    shift = np.array([random.randint(-reach, reach) for _ in range(2)])
    center = np.array([width, height]) / 2 + shift
    return dict(
        img_shape=(height, width),
        input_size=(128, 128),
        warp_mat=get_warp_matrix(center, np.array([side, side]), 0, (128, 128)),
        flip=random.random_sample() < 0.5,
        flip_direction='horizontal',
        scale=scale,
        shift=shift / side,
    )
