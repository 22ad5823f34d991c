"""Transforms that MMPose lacks."""

from .heatmap_mask import CrowdHeatmapMask
from .packing import PackMultiScaleInputs
from .padding_mask import BottomupPaddingMask
from .random_affine import CenterGroupRandomAffine
from .resize import CenterGroupResize

__all__ = [
    'BottomupPaddingMask',
    'CenterGroupRandomAffine',
    'CenterGroupResize',
    'CrowdHeatmapMask',
    'PackMultiScaleInputs',
]
