"""Boxes and masks of annotations, and what follows from one for the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from .values import is_number

#: share of its box that a person covers: COCO's, as MMPose takes it where areas are missing
AREA_OF_BOX = 0.53


def box_of_joints(keypoints: list) -> list[float]:
    """Extent of the labeled joints, at least one pixel wide and high.

    Args:
        keypoints: 3K numbers, at least one joint labeled.

    Returns:
        left, top, width and height in pixels.
    """
    joints = np.array(keypoints, dtype=float).reshape(-1, 3)
    return _extent(joints[joints[:, 2] > 0, :2])


def box_of_region(region: list | dict) -> list[float]:
    """Extent of a usable region, as of :func:`box_of_joints`."""
    if isinstance(region, list):
        return _extent(np.concatenate([np.array(part).reshape(-1, 2) for part in region]))
    from pycocotools import mask as coco_mask  # needed for run-length encodings only

    encoded = region
    if isinstance(region['counts'], list):
        encoded = coco_mask.frPyObjects(region, *region['size'])
    left, top, width, height = (float(side) for side in coco_mask.toBbox(encoded))
    return [left, top, max(width, 1.0), max(height, 1.0)]


def region_of_box(box: list) -> list[float]:
    """The polygon around a box."""
    left, top, width, height = box
    right, bottom = left + width, top + height
    return [left, top, right, top, right, bottom, left, bottom]


def usable_region(region: Any, size: tuple[int, int]) -> list | dict | None:
    """A segmentation without the parts that are no regions.

    Args:
        region: of an annotation: polygons, or a run-length encoding.
        size: (width, height) of the image.

    Returns:
        polygons of three points or more, a run-length encoding of the size of the image, or None.
    """
    if isinstance(region, list):
        polygons = [part for part in region if isinstance(part, list) and _is_polygon(part)]
        return polygons or None
    if not isinstance(region, dict):
        return None
    counts, stated = region.get('counts'), region.get('size')
    if stated != [size[1], size[0]] or not counts:
        return None
    if isinstance(counts, list):
        whole = all(isinstance(run, int) and run >= 0 for run in counts)
        return region if whole and sum(counts) == size[0] * size[1] else None
    return region if isinstance(counts, str) else None


def _is_polygon(part: list) -> bool:
    return len(part) >= 6 and len(part) % 2 == 0 and all(map(is_number, part))


def _extent(points: np.ndarray) -> list[float]:
    left, top = points.min(0).tolist()
    width, height = np.maximum(np.ptp(points, axis=0), 1.0).tolist()
    return [left, top, width, height]
