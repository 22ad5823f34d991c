"""Which cells teach: those of the image where people are labelled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmpose.datasets.transforms import BottomupGetHeatmapMask
from mmpose.registry import TRANSFORMS
from pycocotools import mask as coco_mask

from .warped_mask import warp_masks


@TRANSFORMS.register_module()
class CrowdHeatmapMask(BottomupGetHeatmapMask):
    """MMPose's ``BottomupGetHeatmapMask``, by the authors' program's rule and of all regions.

    COCO stores crowd regions as run-length encodings, which MMPose 1.3 passes over silently, so
    that it masks people without keypoints but no crowds.  It also makes coarse masks from fine
    ones; here each is warped from the original image, see ``warp_masks``.

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
        labelled = self._segs_to_mask(results.get('invalid_segs', []), shape) == 0
        results['heatmap_mask'] = warp_masks(labelled, results, self.downsample)
        results['label_mask'] = warp_masks(labelled, results, self.label_downsample)
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
