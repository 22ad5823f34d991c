"""Mask of the picture inside the training crop."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BottomupPaddingMask(BaseTransform):
    """Mark which cells of the network input show the image and which only padding.

    MMPose's ``BottomupGetHeatmapMask`` mixes padding with regions that are not labelled; the
    positional encoding and the choice of proposals need the padding alone.  The rule is the
    authors' program's: an image of ones is warped to each resolution and counts where it stays
    above one half, that is where the source lies between -0.5 and size - 0.5.

    Required keys: ``img_shape`` (h, w) of the *original* image, ``input_size`` [w, h],
    optionally ``warp_mat`` (original to input pixels, [2 x 3]), ``flip`` and
    ``flip_direction``.  Put it behind the affine transform and the flip.

    Added key: ``padding_mask``, a list of [h x w] float32, 1 on the image.

    Args:
        downsample: input pixels for each cell of the masks.  The default gives what CenterGroup
            reads: 1/4 for the positional encoding, 1 for the proposals.  MMPose packs lists of
            equal length only, so there must be as many as heatmap levels.
    """

    def __init__(self, downsample: Sequence[int] = (4, 1)) -> None:
        super().__init__()
        self.downsample = tuple(downsample)

    def transform(self, results: dict) -> dict:
        """Add the masks.

        Raises:
            ValueError: the image was warped by a perspective, or flipped other than
                horizontally.
        """
        matrix = np.asarray(results.get('warp_mat', np.eye(2, 3)), dtype=np.float64)
        if matrix.shape != (2, 3):
            raise ValueError(f'warp_mat must be affine [2 x 3], got {matrix.shape}')
        flip = results.get('flip_direction') if results.get('flip', False) else None
        if flip not in (None, 'horizontal'):
            raise ValueError(f'flip_direction must be horizontal, got {flip}')
        width, height = (int(side) for side in results['input_size'][:2])
        ones = np.full(results['img_shape'][:2], 255, dtype=np.uint8)
        masks = []
        for stride in self.downsample:
            # Cell (u, v) of a level is pixel (stride u, stride v) of the input: no half cell.
            mask = cv2.warpAffine(
                ones, matrix / stride, (width // stride, height // stride), flags=cv2.INTER_LINEAR
            )
            mask = mask > 127
            masks.append(np.ascontiguousarray(mask[:, ::-1] if flip else mask, dtype=np.float32))
        results['padding_mask'] = masks
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(downsample={self.downsample})'
