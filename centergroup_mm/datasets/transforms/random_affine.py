"""Random scaling, shifting and rotating of training images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmpose.datasets.transforms import BottomupRandomAffine
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CenterGroupRandomAffine(BottomupRandomAffine):
    """Cut a random square crop out of an image and scale it to the network input.

    The crop's side is the image's short side times a random factor.  Differences from MMPose's
    ``BottomupRandomAffine``, all of which restore HigherHRNet's and CenterGroup's augmentation:

    - random numbers are uniform, not truncated normal
    - the shift is relative to the crop, not to the image ("translation 40" in the official configs
      means 40/200 of the crop: 0.2)
    - no rotation by default, as in stage 2 of the official implementation (stage 1 and the paper:
      30)
    - images without people do not raise an error
    - boxes remain (x1, y1, x2, y2), the extent of the warped corners

    Joints outside of the crop keep their visibility; the codec drops them.

    Args:
        input_size: [w, h] of the network input; square, because MMPose's ``RandomFlip`` mixes
            up width and height of others.
        scale_factor: smallest and largest side of the crop, relative to the short side of the
            image.  A larger crop shows smaller people.
        shift_factor: largest shift of the crop on each axis, relative to its side.
        rotate_factor: largest rotation in degrees.
        kwargs: other arguments of ``BottomupRandomAffine``.

    Raises:
        ValueError: the input is not square or the transform is not affine.
    """

    def __init__(
        self,
        input_size: Sequence[int],
        scale_factor: tuple[float, float] = (0.75, 1.5),
        shift_factor: float = 0.2,
        rotate_factor: float = 0.0,
        **kwargs,
    ) -> None:
        options = dict(distribution='uniform', bbox_keep_corner=False) | kwargs
        super().__init__(
            input_size=tuple(input_size),
            scale_factor=scale_factor,
            shift_factor=shift_factor,
            rotate_factor=rotate_factor,
            **options,
        )
        if self.input_size[0] != self.input_size[1]:
            raise ValueError(f'input_size must be square, got {self.input_size}')
        if self.transform_mode != 'affine':
            raise ValueError(f'transform_mode must be affine, got {self.transform_mode}')
        self._image_size = (1, 1)

    def _get_transform_params(self) -> tuple:
        """Random shift, scale, angle and shear in the parent's units."""
        offset, scale, angle, shear = super()._get_transform_params()
        # The parent multiplies the shift by [w, h] of the image; the crop's side is wanted.
        sides = np.array(self._image_size, dtype=np.float64)
        side = sides.min() if self.scale_type == 'short' else sides.max()
        return offset * scale * side / sides, scale, angle, shear

    def transform(self, results: dict) -> dict:
        """Warp ``img``, ``keypoints``, ``bbox`` and ``area``; add ``warp_mat``."""
        self._image_size = tuple(results['img_shape'][1::-1])
        keypoints = results.get('keypoints')
        if keypoints is None or len(keypoints) > 0:
            return super().transform(results)
        # OpenCV refuses to transform no points at all.
        empty = {k: results.pop(k) for k in ('keypoints', 'bbox', 'area') if k in results}
        results = super().transform(results)
        results.update(empty)
        return results
