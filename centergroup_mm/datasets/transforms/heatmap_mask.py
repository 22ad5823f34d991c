"""Which cells of the heatmaps teach, with crowd regions left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmpose.datasets.transforms import BottomupGetHeatmapMask
from mmpose.registry import TRANSFORMS
from pycocotools import mask as coco_mask


@TRANSFORMS.register_module()
class CrowdHeatmapMask(BottomupGetHeatmapMask):
    """MMPose's ``BottomupGetHeatmapMask`` that also sees run-length encoded regions.

    COCO stores crowd regions as run-length encodings, which MMPose 1.3 passes over silently, so
    that it masks people without keypoints but no crowds.  Everything else is the parent's.
    """

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
