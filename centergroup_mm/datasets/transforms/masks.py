"""Masks of training crops: which cells show the image, and which of them are labeled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import BottomupGetHeatmapMask
from mmpose.registry import TRANSFORMS
from pycocotools import mask as coco_mask

from ...utils.valid_mask import warp_mask


def warp_masks(
    mask: np.ndarray, results: Mapping[str, Any], downsample: Sequence[int]
) -> list[np.ndarray]:
    """Warp a mask like the image, to several resolutions.

    A cell is inside where the bilinearly warped mask is above one half, as in the official
    implementation; outside of the image the mask is 0.

    Args:
        mask: [h x w] bool, of the original image.
        results: results of a pipeline after affine transform and flip: ``input_size`` [w, h] and
            optionally ``warp_mat`` (original to input pixels, [2 x 3]), ``flip`` and
            ``flip_direction``.
        downsample: input pixels for each cell of the masks.

    Returns:
        [H/s x W/s] bool for each s of ``downsample``.

    Raises:
        ValueError: the image was warped by a perspective, or flipped other than horizontally.
    """
    matrix = np.asarray(results.get('warp_mat', np.eye(2, 3)), dtype=np.float64)
    if matrix.shape != (2, 3):
        raise ValueError(f'warp_mat must be affine [2 x 3], got {matrix.shape}')
    flip = results.get('flip_direction') if results.get('flip', False) else None
    if flip not in (None, 'horizontal'):
        raise ValueError(f'flip_direction must be horizontal, got {flip}')
    width, height = (int(side) for side in results['input_size'][:2])
    masks = []
    for stride in downsample:
        # Cell (u, v) of a level is pixel (stride u, stride v) of the input: no half cell.
        inside = warp_mask(mask, matrix / stride, (width // stride, height // stride))
        masks.append(np.ascontiguousarray(inside[:, ::-1] if flip else inside))
    return masks


@TRANSFORMS.register_module()
class BottomupPaddingMask(BaseTransform):
    """Mark which cells of the network input show the image and which only padding.

    MMPose's ``BottomupGetHeatmapMask`` marks padding and regions without labels in one mask. The
    positional encoding and the choice of proposals need a mask of the padding alone.  By the rule
    of ``warp_masks``, a cell shows the image if its source lies between -0.5 and size - 0.5.

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


@TRANSFORMS.register_module()
class CrowdHeatmapMask(BottomupGetHeatmapMask):
    """MMPose's ``BottomupGetHeatmapMask`` that also masks crowd regions.

    COCO stores crowd regions as run-length encodings. MMPose 1.3 ignores them silently, so it masks
    people without keypoints but no crowds.  It also makes coarse masks from fine ones; here each
    mask is warped from the original image, as in the official implementation, see ``warp_masks``.

    Required keys: ``invalid_segs`` (regions without labels; default none), ``img_shape`` (h, w)
    of the *original* image, ``input_size`` [w, h], optionally ``warp_mat``, ``flip`` and
    ``flip_direction``.  Put it behind the affine transform and the flip.

    Added keys, lists of [h x w] bool, False beyond the image and in regions without labels:
    ``heatmap_mask`` at the resolutions of the heatmaps, and ``label_mask``, whose last tells
    which proposals count in training.

    Args:
        downsample: input pixels for each cell of ``heatmap_mask``.
        label_downsample: the same for ``label_mask``.  MMPose packs lists of equal length only.
    """

    def __init__(
        self, downsample: Sequence[int] = (4, 2), label_downsample: Sequence[int] = (4, 1)
    ) -> None:
        super().__init__()
        self.downsample = tuple(downsample)
        self.label_downsample = tuple(label_downsample)

    def transform(self, results: dict) -> dict:
        """Add the masks.

        Raises:
            ValueError: the image was warped by a perspective, or flipped other than
                horizontally.
        """
        shape = tuple(results['img_shape'][:2])
        labeled = self._segs_to_mask(results.get('invalid_segs', []), shape) == 0
        results['heatmap_mask'] = warp_masks(labeled, results, self.downsample)
        results['label_mask'] = warp_masks(labeled, results, self.label_downsample)
        return results

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(downsample={self.downsample}, '
            f'label_downsample={self.label_downsample})'
        )

    def _segs_to_mask(self, segs: Sequence, img_shape: tuple[int, int]) -> np.ndarray:
        """Mask of all regions.

        Args:
            segs: polygons, or run-length encodings (dicts), of each region.
            img_shape: (h, w) of the original image.

        Returns:
            [h x w], 1 inside a region.
        """
        height, width = img_shape[:2]
        polygons = [seg for seg in segs if not isinstance(seg, dict)]
        mask = super()._segs_to_mask(polygons, (height, width)).astype(bool)
        for seg in segs:
            if isinstance(seg, dict):
                if isinstance(seg['counts'], list):
                    seg = coco_mask.frPyObjects(seg, height, width)
                mask |= coco_mask.decode(seg).astype(bool)
        return mask.astype(np.uint8)
