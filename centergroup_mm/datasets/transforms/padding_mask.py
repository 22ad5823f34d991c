"""Mask of the picture inside the training crop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from .warped_mask import warp_masks


@TRANSFORMS.register_module()
class BottomupPaddingMask(BaseTransform):
    """Mark which cells of the network input show the image and which only padding.

    MMPose's ``BottomupGetHeatmapMask`` mixes padding with regions that are not labelled; the
    positional encoding and the choice of proposals need the padding alone.  By the rule of
    ``warp_masks`` a cell shows the image where its source lies between -0.5 and size - 0.5.

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
        whole = np.ones(results['img_shape'][:2], dtype=bool)
        masks = warp_masks(whole, results, self.downsample)
        results['padding_mask'] = [mask.astype(np.float32) for mask in masks]
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(downsample={self.downsample})'
