"""Heads: keypoint detectors and CenterGroup."""

from .center_higherhrnet_head import CenterHigherHRNetHead
from .centergroup_head import CenterGroupHead, Detection
from .detector import Detector, DetectorMaps
from .movenet_head import MoveNetHead

__all__ = [
    'CenterGroupHead',
    'CenterHigherHRNetHead',
    'Detection',
    'Detector',
    'DetectorMaps',
    'MoveNetHead',
]
