"""Resizing of test images."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_warp_matrix

#: longest input as a multiple of its short side; an input has at most four times the pixels, and
#: costs at most four times the time and memory, of that of a square image
LONGEST = 4.0


def fit_short_side(
    image_size: tuple[int, int],
    short_side: float,
    size_factor: int = 64,
    longest: float = LONGEST,
) -> tuple[tuple[int, int], np.ndarray]:
    """Size of the network input for an image, and how much of the image it covers.

    The short side becomes ``short_side``, the long side follows in proportion, and both are
    rounded up to ``size_factor``.  The long side drops a fraction of a pixel before rounding up, as
    in the official implementation, and has no bound there: an image of 8x4000 pixels would need an
    input of a quarter of a million. An image longer than ``longest`` allows is scaled so that its
    long side fits instead, and its short side is padded.

    Args:
        image_size: [w, h] of the image in pixels.
        short_side: wanted short side of the input in pixels.
        size_factor: both sides are multiples of it.
        longest: bound of the long side, as a multiple of the short one.

    Returns:
        - [w, h] of the input in pixels
        - [w, h] of the region it covers, in pixels of the image, float64
    """
    short = int((short_side + size_factor - 1) // size_factor * size_factor)
    axis = 0 if image_size[0] < image_size[1] else 1  # of the short side
    length = image_size[axis]
    if image_size[1 - axis] > longest * length:
        long = int((short * longest + size_factor - 1) // size_factor * size_factor)
        scale = long / image_size[1 - axis]
        short = max(int(np.ceil(length * scale / size_factor)), 1) * size_factor
        covered = [short / scale, float(image_size[1 - axis])]
    else:
        other = short / length * image_size[1 - axis]
        long = int((other + size_factor - 1) // size_factor * size_factor)
        covered = [float(length), long / short * length]
    size = (short, long)
    if axis == 1:
        size, covered = size[::-1], covered[::-1]
    return size, np.array(covered)


def pyramid_multiples(aug_scales: Sequence[float]) -> list[int]:
    """Each scale as a multiple of the smallest one, the original scale 1 first.

    Args:
        aug_scales: scales besides 1.

    Raises:
        ValueError: a scale is not positive or no whole multiple of the smallest, so that the
            inputs would have no common grid.
    """
    scales = [1.0, *aug_scales]
    smallest = min(scales)
    multiples = [round(scale / smallest) if smallest > 0 else 0 for scale in scales]
    exact = all(
        abs(scale - multiple * smallest) < 1e-9
        for scale, multiple in zip(scales, multiples, strict=True)
    )
    if not exact or smallest <= 0:
        raise ValueError(
            f'aug_scales {list(aug_scales)}: 1 and every other scale must be a whole multiple '
            'of the smallest, such as [2.0, 0.5]'
        )
    return multiples


@TRANSFORMS.register_module()
class CenterGroupResize(BaseTransform):
    """Scale an image so that its short side fits and center it in a padded input.

    This is how the official implementation resizes, with which the published numbers were obtained.
    MMPose's ``BottomupResize(resize_mode='expand')`` gives the same for images of even size only,
    because it does not round the center.

    For multi-scale testing the size of the *smallest* scale is rounded up and the others are its
    multiples, so that all show the same region and their maps have a common grid (as in HigherHRNet
    and the official implementation). MMPose's transform rounds each scale by itself.  With scales
    2, 1 and 0.5 the input at scale 1 is a multiple of 128 pixels and may be larger than with a
    single scale.

    An image more than four times as long as wide is scaled by its long side instead, so that no
    image costs more than about four times as much as a square one, see :func:`fit_short_side`.

    Required keys: ``img``.

    Changed and added keys: ``img`` (black border; a list of images with ``aug_scales``, the
    original scale first), ``img_shape`` (h, w) and ``input_size`` [w, h] of the input at scale
    1, ``input_center`` and ``input_scale`` (x, y) in pixels of the original image, ``warp_mat``
    (original to scale 1) and, with several scales, ``aug_scales``.

    Args:
        input_size: short side of the input in pixels, or [w, h], of which the smaller is used.
        size_factor: both sides are multiples of it.
        aug_scales: more scales for multi-scale testing (paper: 2 and 0.5).

    Raises:
        ValueError: 1 and ``aug_scales`` are not multiples of the smallest of them.
    """

    def __init__(
        self,
        input_size: int | Sequence[int],
        size_factor: int = 64,
        aug_scales: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.short_side = int(np.min(input_size))
        self.size_factor = size_factor
        self.aug_scales = [float(scale) for scale in aug_scales or ()]
        self.multiples = pyramid_multiples(self.aug_scales)

    def transform(self, results: dict) -> dict:
        """Resize the image and add how it was done to the results."""
        image = results['img']
        height, width = image.shape[:2]
        smallest, covered = fit_short_side(
            (width, height), self.short_side / self.multiples[0], self.size_factor
        )
        # numpy rounds halves to even
        center = np.round(np.array([width / 2, height / 2]))
        sizes = [(smallest[0] * times, smallest[1] * times) for times in self.multiples]
        matrices = [get_warp_matrix(center, covered, 0, size) for size in sizes]
        images = [
            cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
            for matrix, size in zip(matrices, sizes, strict=True)
        ]
        size = sizes[0]
        results['img'] = images if self.aug_scales else images[0]
        results['img_shape'] = (size[1], size[0])
        results['input_size'] = size
        results['input_center'] = center
        results['input_scale'] = covered
        results['warp_mat'] = matrices[0]
        if self.aug_scales:
            results['aug_scales'] = self.aug_scales
        return results

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(input_size={self.short_side}, '
            f'size_factor={self.size_factor}, aug_scales={self.aug_scales})'
        )
