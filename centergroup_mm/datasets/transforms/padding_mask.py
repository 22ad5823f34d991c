"""Which part of the network input shows the picture while training."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BottomupPaddingMask(BaseTransform):
    """Add ``padding_mask``: 1 on the picture, 0 in the padding, at 1/4, 1/2 and 1.

    Stock ``BottomupGetHeatmapMask`` also hides crowd regions; positional encodings and
    proposals need the picture's extent alone.

    Required keys: ``img_shape`` (of the original image), ``input_size``, ``warp_mat`` and
    optionally ``flip``, ``flip_direction``.
    """

    def transform(self, results: dict) -> dict:
        """Warp a picture of ones as the image was warped, then mirror it likewise."""
        width, height = (int(v) for v in results['input_size'])
        ones = np.full(results['img_shape'][:2], 255, dtype=np.uint8)
        masks = []
        for stride in (4, 2, 1):
            matrix = np.asarray(results['warp_mat'], dtype=np.float64) / stride
            mask = cv2.warpAffine(
                ones, matrix, (width // stride, height // stride), flags=cv2.INTER_LINEAR
            )
            mask = (mask > 127).astype(np.float32)
            if results.get('flip', False) and results.get('flip_direction') == 'horizontal':
                mask = np.ascontiguousarray(mask[:, ::-1])
            masks.append(mask)
        results['padding_mask'] = masks
        return results
