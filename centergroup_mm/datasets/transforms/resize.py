"""Resizing of test images."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_warp_matrix


def fit_short_side(
    image_size: tuple[int, int], short_side: int, size_factor: int = 64
) -> tuple[tuple[int, int], np.ndarray]:
    """Size of the network input for an image, and how much of the image it covers.

    The short side becomes ``short_side``, the long side follows in proportion, and both are
    rounded up to ``size_factor``.  The long side drops a remainder below one pixel before
    rounding up, as the authors' program does.

    Args:
        image_size: [w, h] of the image in pixels.
        short_side: wanted short side of the input in pixels.
        size_factor: both sides are multiples of it.

    Returns:
        - [w, h] of the input in pixels
        - [w, h] of the region it covers, in pixels of the image, float64
    """
    short = (short_side + size_factor - 1) // size_factor * size_factor
    axis = 0 if image_size[0] < image_size[1] else 1  # of the short side
    length = image_size[axis]
    other = short / length * image_size[1 - axis]
    long = int((other + size_factor - 1) // size_factor * size_factor)
    covered = [float(length), long / short * length]
    size = (short, long)
    if axis == 1:
        size, covered = size[::-1], covered[::-1]
    return size, np.array(covered)


@TRANSFORMS.register_module()
class CenterGroupResize(BaseTransform):
    """Scale an image so that its short side fits and center it in a padded input.

    The rule of the authors' program, on which the published numbers rest.  MMPose's
    ``BottomupResize(resize_mode='expand')`` agrees for images of even size only, as it does not
    round the center.

    Required keys: ``img``.

    Changed and added keys: ``img`` (black border), ``img_shape`` (h, w) and ``input_size``
    [w, h] of the input, ``input_center`` and ``input_scale`` (x, y), ``warp_mat``; the last
    three in pixels of the original image.

    Args:
        input_size: short side of the input in pixels, or [w, h], of which the smaller counts.
        size_factor: both sides become multiples of it.
    """

    def __init__(self, input_size: int | Sequence[int], size_factor: int = 64) -> None:
        super().__init__()
        self.short_side = int(np.min(input_size))
        self.size_factor = size_factor

    def transform(self, results: dict) -> dict:
        """Warp the image and say how."""
        image = results['img']
        height, width = image.shape[:2]
        size, covered = fit_short_side((width, height), self.short_side, self.size_factor)
        # numpy rounds halves to even
        center = np.round(np.array([width / 2, height / 2]))
        matrix = get_warp_matrix(center, covered, 0, size)
        results['img'] = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
        results['img_shape'] = (size[1], size[0])
        results['input_size'] = size
        results['input_center'] = center
        results['input_scale'] = covered
        results['warp_mat'] = matrix
        return results

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(input_size={self.short_side}, '
            f'size_factor={self.size_factor})'
        )
