"""Annotated photographs, decoded once and kept on the device that trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from centergroup_mm.utils.errors import UserError


class Photographs(NamedTuple):
    """Photographs with the labeled persons, padded to one size and to N persons.

    ========= =============== =====================================================
    images    [I x 3 x S x S] uint8 RGB, at the upper left of a black square
    sizes     [I x 2]         width and height in pixels
    keypoints [I x N x K x 2] (x, y) in pixels
    labeled   [I x N x K]     bool
    boxes     [I x N x 4]     (x1, y1, x2, y2) in pixels
    ========= =============== =====================================================

    Slots without a labeled keypoint are no person.
    """

    images: Tensor
    sizes: Tensor
    keypoints: Tensor
    labeled: Tensor
    boxes: Tensor


def read_image(folder: Path, name: str, longest: int) -> np.ndarray:
    """An RGB photograph whose long side has at most this many pixels.

    Args:
        folder: where it lies; a file of the same name with another ending will do.
        name: of the file, from the annotations.
        longest: pixels.

    Raises:
        UserError: it is not there or cannot be decoded.
    """
    path = folder / name
    if not path.is_file():
        path = next(iter(sorted(folder.glob(Path(name).stem + '.*'))), path)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f'{path} is missing or is no image')
    ratio = longest / max(image.shape[:2])
    if ratio < 1:
        image = cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    return image[..., ::-1]


def load_photographs(
    coco: dict,
    folder: Path,
    ids: Sequence[int],
    num_keypoints: int,
    device: torch.device,
    side: int = 640,
    report: Callable[[str], None] = print,
) -> Photographs:
    """Decode the photographs and move them and their persons to the device.

    Args:
        coco: content of an annotation file in COCO's format.
        folder: of the images.
        ids: of the images that are wanted.
        num_keypoints: K.
        device: where the tensors go, 1.2 MB for each photograph.
        side: S; larger photographs are scaled down.
        report: told what was read.
    """
    infos = {info['id']: info for info in coco['images']}
    persons: dict[int, list[dict]] = {i: [] for i in ids}
    for person in coco['annotations']:
        labels = np.asarray(person['keypoints'], dtype=np.float32)[2::3]
        if person['image_id'] in persons and labels.any() and not person.get('iscrowd'):
            persons[person['image_id']].append(person)
    most = max(1, *(len(found) for found in persons.values()))
    images = torch.zeros(len(ids), 3, side, side, dtype=torch.uint8)
    sizes = torch.zeros(len(ids), 2)
    keypoints = torch.zeros(len(ids), most, num_keypoints, 2)
    labeled = torch.zeros(len(ids), most, num_keypoints, dtype=torch.bool)
    boxes = torch.zeros(len(ids), most, 4)

    def read(slot: int) -> None:
        image = read_image(folder, infos[ids[slot]]['file_name'], side)
        height, width = image.shape[:2]
        images[slot, :, :height, :width] = torch.from_numpy(image.transpose(2, 0, 1).copy())
        sizes[slot] = torch.tensor([width, height])
        ratio = width / infos[ids[slot]]['width']
        for row, person in enumerate(persons[ids[slot]]):
            joints = torch.tensor(person['keypoints'], dtype=torch.float32).view(-1, 3)
            left, top, across, down = person['bbox']
            keypoints[slot, row] = joints[:, :2] * ratio
            labeled[slot, row] = joints[:, 2] > 0
            boxes[slot, row] = torch.tensor([left, top, left + across, top + down]) * ratio

    with ThreadPoolExecutor() as pool:
        list(pool.map(read, range(len(ids))))
    report(f'{len(ids)} photographs with {int(labeled.any(-1).sum())} persons')
    return Photographs(*(x.to(device) for x in (images, sizes, keypoints, labeled, boxes)))
