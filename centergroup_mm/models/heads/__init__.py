"""Heads: keypoint detectors and CenterGroup."""

from .center_higherhrnet_head import CenterHigherHRNetHead
from .centergroup_head import CenterGroupHead, Detection
from .detector import Detector, DetectorMaps
from .movenet_head import MoveNetHead
from .point_centergroup_head import PointCenterGroupHead

__all__ = [
    'CenterGroupHead',
    'CenterHigherHRNetHead',
    'Detection',
    'Detector',
    'DetectorMaps',
    'MoveNetHead',
    'PointCenterGroupHead',
]
