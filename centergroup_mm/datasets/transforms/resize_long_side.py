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

    Unlike ``CenterGroupResize`` the image starts at the upper left corner of the input, is
    averaged where it shrinks (OpenCV's ``INTER_AREA``) and never covers more than the wanted
    size.  With several scales each is rounded and padded by itself: their maps lie on no common
    grid, so the scales have to be merged as poses.

    Required keys: ``img``.

    Changed and added keys: ``img`` (a list of images with ``aug_scales``, the original scale
    first), ``img_shape`` (h, w) and ``input_size`` [w, h] of the padded input at scale 1,
    ``input_center`` and ``input_scale`` (x, y) in pixels of the original image, ``warp_mat``
    (original to scale 1).  With several scales also ``aug_scales``, and for all of them, the
    original scale first, ``scale_input_sizes`` [w, h] of the padded input and ``scale_factors``
    (x, y), its pixels for each pixel of the original image.

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
        """Scale and pad the image and say how."""
        image = results['img']
        scaled = [
            resize_and_pad(image, self.long_side * scale, self.size_factor)
            for scale in (1.0, *self.aug_scales)
        ]
        images = [padded for padded, _ in scaled]
        sizes = [(padded.shape[1], padded.shape[0]) for padded in images]
        factors = [factor for _, factor in scaled]
        covered = np.array(sizes[0]) / factors[0]
        results['img'] = images if self.aug_scales else images[0]
        results['img_shape'] = sizes[0][::-1]
        results['input_size'] = sizes[0]
        results['input_center'] = covered / 2
        results['input_scale'] = covered
        results['warp_mat'] = np.array([[factors[0][0], 0, 0], [0, factors[0][1], 0]])
        if self.aug_scales:
            results['aug_scales'] = self.aug_scales
            results['scale_input_sizes'] = sizes
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
