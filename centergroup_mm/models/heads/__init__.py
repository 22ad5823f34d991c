"""Heads: the heatmap detector and CenterGroup."""

from .center_higherhrnet_head import CenterHigherHRNetHead
from .centergroup_head import CenterGroupHead
from .centergroup_stages import Detection

__all__ = ['CenterGroupHead', 'CenterHigherHRNetHead', 'Detection']
