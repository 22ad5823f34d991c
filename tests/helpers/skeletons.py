"""Small datasets of people with other skeletons than COCO's, as a user would write them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

#: five keypoints: a head and pairs of hands and feet
FIVE = ('head', 'left_hand', 'right_hand', 'left_foot', 'right_foot')
#: fourteen keypoints, as many as CrowdPose has, in another order
FOURTEEN = (
    'neck',
    'top_head',
    *(
        f'{side}_{part}'
        for part in ('ankle', 'knee', 'hip', 'wrist', 'elbow', 'shoulder')
        for side in ('left', 'right')
    ),
)


def mirror_of(name: str) -> str:
    """Return the name of the keypoint on the other side, '' in the middle of the body."""
    if name.startswith('left_'):
        return name.replace('left_', 'right_')
    return name.replace('right_', 'left_') if name.startswith('right_') else ''


def write_skeleton(path: Path, names: tuple[str, ...]) -> Path:
    """Write a file of MMPose's ``dataset_info``."""
    info = dict(
        dataset_name='mine',
        keypoint_info={
            index: dict(name=name, swap=mirror_of(name)) for index, name in enumerate(names)
        },
        skeleton_info={index: dict(link=(names[0], name)) for index, name in enumerate(names[1:])},
        joint_weights=[1.0] * len(names),
        sigmas=[0.05 + 0.01 * index for index in range(len(names))],
    )
    path.write_text(f'dataset_info = {info!r}\n')
    return path


def write_dataset(folder: Path, names: tuple[str, ...], images: int = 4, side: int = 96) -> Path:
    """Write images of noise with two people each and their annotations.

    Returns:
        the annotation file, ``folder/people.json``; the images are in ``folder/images``.
    """
    rng = np.random.default_rng(0)
    (folder / 'images').mkdir(parents=True)
    people = []
    for index in range(images):
        noise = rng.integers(0, 255, (side, side, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / 'images' / f'{index}.png'), noise)
        for left in (8, side // 2):
            points = rng.integers(8, side // 2 - 8, (len(names), 2)) + (left, 16)
            keypoints = np.c_[points, np.full(len(names), 2)]
            people.append(
                dict(
                    id=len(people),
                    image_id=index,
                    category_id=1,
                    iscrowd=0,
                    bbox=[left, 16, side // 2 - 8, side // 2],
                    area=side**2 / 8,
                    num_keypoints=len(names),
                    keypoints=keypoints.ravel().tolist(),
                )
            )
    content = dict(
        info={},
        images=[
            dict(id=index, file_name=f'{index}.png', width=side, height=side)
            for index in range(images)
        ],
        annotations=people,
        categories=[dict(id=1, name='person', keypoints=list(names), skeleton=[])],
    )
    path = folder / 'people.json'
    path.write_text(json.dumps(content))
    return path
