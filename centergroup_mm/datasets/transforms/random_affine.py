"""Random scaling, shifting and rotating of a scene for training."""

from __future__ import annotations

import numpy as np
from mmpose.datasets.transforms import BottomupRandomAffine
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CenterGroupRandomAffine(BottomupRandomAffine):
    """Stock ``BottomupRandomAffine`` with the defaults of CenterGroup's stage 2.

    Uniform draws, scale 0.75 to 1.5 of the short side, rotation 0 (the paper's 30 is
    ``rotate_factor=30``), boxes as the extent of their turned corners.  Images without persons
    pass, which the stock transform does not allow.

    Args:
        input_size: [w, h] of the network input.
        rotate_factor: largest angle in degrees.
        scale_factor: range of the picture's share of the input.
        shift_factor: largest shift, relative to the image.
        kwargs: see ``BottomupRandomAffine``.
    """

    def __init__(
        self,
        input_size: tuple[int, int],
        rotate_factor: float = 0.0,
        scale_factor: tuple[float, float] = (0.75, 1.5),
        shift_factor: float = 0.08,
        **kwargs,
    ) -> None:
        options = dict(distribution='uniform', bbox_keep_corner=False) | kwargs
        super().__init__(
            input_size=input_size,
            rotate_factor=rotate_factor,
            scale_factor=scale_factor,
            shift_factor=shift_factor,
            **options,
        )

    def transform(self, results: dict) -> dict | None:
        """Warp image and annotations; annotations of nobody are left aside meanwhile."""
        keypoints = results.get('keypoints')
        if keypoints is None or len(keypoints):
            return super().transform(results)
        empty = {
            key: results.pop(key) for key in ('keypoints', 'bbox', 'area') if key in results
        }
        results = super().transform(results)
        results.update(empty)
        results['keypoints'] = np.zeros((0, *keypoints.shape[1:]), dtype=np.float32)
        return results
