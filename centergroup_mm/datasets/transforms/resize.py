"""Resizing an image to the network input for test."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


def round_up(value: float, factor: int) -> int:
    """Smallest multiple of ``factor`` that is not below ``value``."""
    return int(-(-value // factor) * factor)


@TRANSFORMS.register_module()
class CenterGroupResize(BaseTransform):
    """Short side to the given size, both sides padded to multiples of 64, picture centered.

    The rule of the authors' program: the middle of the picture is rounded to whole pixels and
    lies in the middle of the padded input (stock ``BottomupResize`` does not round).

    Added keys: ``img`` (padded input), ``img_shape``, ``input_size`` [w, h], ``input_center``
    and ``input_scale`` (x, y) in pixels of the original image.

    Args:
        input_size: length of the short side in pixels, or [w, h], whose smaller value counts.
        size_factor: sides become multiples of it.
    """

    def __init__(self, input_size: int | Sequence[int], size_factor: int = 64) -> None:
        super().__init__()
        self.short_side = min(input_size) if isinstance(input_size, Sequence) else int(input_size)
        self.size_factor = size_factor

    def geometry(self, width: int, height: int) -> tuple[tuple[int, int], np.ndarray, np.ndarray]:
        """Input size [w, h], center and scale for an image of a size.

        Args:
            width, height: of the original image in pixels.
        """
        short = round_up(self.short_side, self.size_factor)
        if width < height:
            size = short, round_up(short / width * height, self.size_factor)
            scale = np.array([width, size[1] / size[0] * width], dtype=np.float64)
        else:
            size = round_up(short / height * width, self.size_factor), short
            scale = np.array([size[0] / size[1] * height, height], dtype=np.float64)
        center = np.array([np.round(width / 2), np.round(height / 2)])
        return size, center, scale

    def transform(self, results: dict) -> dict:
        """Warp ``results['img']`` bilinearly onto a black canvas."""
        image = results['img']
        height, width = image.shape[:2]
        size, center, scale = self.geometry(width, height)
        ratio = np.array(size) / scale
        shift = np.array(size) / 2 - center * ratio
        matrix = np.array([[ratio[0], 0, shift[0]], [0, ratio[1], shift[1]]])
        results['img'] = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
        results['img_shape'] = (size[1], size[0])
        results['input_size'] = size
        results['input_center'] = center
        results['input_scale'] = scale
        return results
