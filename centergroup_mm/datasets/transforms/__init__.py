"""Transforms that MMPose lacks."""

from .loading import LoadPoseImage
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
    'LoadPoseImage',
    'PackMultiScaleInputs',
    'RandomLongSide',
    'ResizeLongSide',
]
