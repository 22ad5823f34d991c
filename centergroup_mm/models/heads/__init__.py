"""Heads: keypoint detectors and CenterGroup."""

from .center_higherhrnet_head import CenterHigherHRNetHead
from .centergroup_head import CenterGroupHead
from .detector import Detector, DetectorMaps
from .movenet_head import MoveNetHead
from .point_centergroup_head import PointCenterGroupHead
from .stages import Detection

__all__ = [
    'CenterGroupHead',
    'CenterHigherHRNetHead',
    'Detection',
    'Detector',
    'DetectorMaps',
    'MoveNetHead',
    'PointCenterGroupHead',
]
