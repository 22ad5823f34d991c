"""Losses of the detector and of the grouping modules."""

from .centergroup_loss import CenterGroupLoss, CenterTargets, PersonTargets
from .heatmap_loss import MultiLevelHeatmapLoss
from .movenet_loss import MoveNetLoss

__all__ = [
    'CenterGroupLoss',
    'CenterTargets',
    'MoveNetLoss',
    'MultiLevelHeatmapLoss',
    'PersonTargets',
]
