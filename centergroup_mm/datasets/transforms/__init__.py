"""Transforms that MMPose lacks."""

from .masks import BottomupPaddingMask, CrowdHeatmapMask
from .packing import PackMultiScaleInputs
from .random_affine import CenterGroupRandomAffine
from .resize import CenterGroupResize
from .resize_long_side import RandomLongSide, ResizeLongSide

__all__ = [
    'BottomupPaddingMask',
    'CenterGroupRandomAffine',
    'CenterGroupResize',
    'CrowdHeatmapMask',
    'PackMultiScaleInputs',
    'RandomLongSide',
    'ResizeLongSide',
]
