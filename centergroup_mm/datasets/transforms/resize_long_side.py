"""Resizing of test images so that their long side fits."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ResizeLongSide(BaseTransform):
    """Scale an image so that its long side fits, and pad it with black right and below.

    Unlike with ``CenterGroupResize``, the image starts at the upper left corner of the input, is
    averaged when it shrinks (OpenCV's ``INTER_AREA``), and never covers more than the given size.
    With several scales, each is rounded and padded by itself. Their maps then have no common grid,
    so the scales have to be merged as poses.

    Required keys: ``img``.

    Changed and added keys: ``img`` (a list of images with ``aug_scales``, the original scale
    first), ``img_shape`` (h, w) and ``input_size`` [w, h] of the padded input at scale 1,
    ``input_center`` and ``input_scale`` (x, y) in pixels of the original image, ``warp_mat``
    (original to scale 1).  With several scales also ``aug_scales`` and, for all of them, the
    original scale first, ``scale_factors`` (x, y): pixels of the input for each pixel of the
    original image.

    Args:
        long_side: wanted long side of the image in pixels, without padding.
        size_factor: both sides of the input become multiples of it.
        aug_scales: more scales for multi-scale testing.
    """

    def __init__(
        self,
        long_side: int = 512,
        size_factor: int = 32,
        aug_scales: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.long_side = int(long_side)
        self.size_factor = size_factor
        self.aug_scales = [float(scale) for scale in aug_scales or ()]

    def transform(self, results: dict) -> dict:
        """Scale and pad the image and add how it was done to the results."""
        image = results['img']
        scaled = [
            resize_and_pad(image, self.long_side * scale, self.size_factor)
            for scale in (1.0, *self.aug_scales)
        ]
        images = [padded for padded, _ in scaled]
        size = (images[0].shape[1], images[0].shape[0])
        factors = [factor for _, factor in scaled]
        covered = np.array(size) / factors[0]
        results['img'] = images if self.aug_scales else images[0]
        results['img_shape'] = size[::-1]
        results['input_size'] = size
        results['input_center'] = covered / 2
        results['input_scale'] = covered
        results['warp_mat'] = np.array([[factors[0][0], 0, 0], [0, factors[0][1], 0]])
        if self.aug_scales:
            results['aug_scales'] = self.aug_scales
            results['scale_factors'] = factors
        return results

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(long_side={self.long_side}, '
            f'size_factor={self.size_factor}, aug_scales={self.aug_scales})'
        )


def resize_and_pad(
    image: np.ndarray, long_side: float, size_factor: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Scale an image to a long side and pad it with black right and below.

    Args:
        image: [h x w x 3].
        long_side: wanted long side in pixels.
        size_factor: both sides of the result are multiples of it.

    Returns:
        - the padded image
        - (x, y) pixels of the result for each pixel of the image, float64; the two differ by
          the rounding to whole pixels
    """
    height, width = image.shape[:2]
    ratio = long_side / max(height, width)
    new_width, new_height = (max(round(side * ratio), 1) for side in (width, height))
    interpolation = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (new_width, new_height), interpolation=interpolation)
    below, right = -new_height % size_factor, -new_width % size_factor
    padded = cv2.copyMakeBorder(scaled, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return padded, np.array([new_width / width, new_height / height])


@TRANSFORMS.register_module()
class RandomLongSide(BaseTransform):
    """Scale a training image, with its persons, to a random long side and pad it.

    The long side is drawn uniformly on a logarithmic scale, so that halving and doubling a
    person are equally likely.  In half of the cases the image is shifted by up to ``max_shift``
    pixels, so that the places of keypoints within their cells vary.

    Required keys: ``img``, ``keypoints`` [N x K x 2] and ``bbox`` [N x 4] (x1, y1, x2, y2).

    Changed and added keys: the same, ``img_shape`` (h, w) of the padded input and ``input_size``
    [w, h].

    Args:
        shortest, longest: range of the long side in pixels.
        max_shift: pixels.
        size_factor: both sides of the input become multiples of it.
    """

    def __init__(
        self, shortest: int = 288, longest: int = 736, max_shift: int = 32, size_factor: int = 32
    ) -> None:
        super().__init__()
        self.shortest = shortest
        self.longest = longest
        self.max_shift = max_shift
        self.size_factor = size_factor

    def transform(self, results: dict) -> dict:
        """Scale, shift and pad."""
        long_side = np.exp(np.random.uniform(np.log(self.shortest), np.log(self.longest)))
        image, factor = resize_and_pad(results['img'], long_side, 1)
        right, below = np.random.randint(0, self.max_shift + 1, 2) * np.random.randint(0, 2)
        height, width = image.shape[0] + below, image.shape[1] + right
        results['img'] = cv2.copyMakeBorder(
            image,
            below,
            -height % self.size_factor,
            right,
            -width % self.size_factor,
            cv2.BORDER_CONSTANT,
            value=(0, 0, 0),
        )
        shift = np.array([right, below])
        results['keypoints'] = (results['keypoints'] * factor + shift).astype(np.float32)
        corners = results['bbox'].reshape(-1, 2, 2) * factor + shift
        results['bbox'] = corners.reshape(-1, 4).astype(np.float32)
        results['img_shape'] = results['img'].shape[:2]
        results['input_size'] = results['img_shape'][::-1]
        return results

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(shortest={self.shortest}, longest={self.longest}, '
            f'max_shift={self.max_shift}, size_factor={self.size_factor})'
        )
