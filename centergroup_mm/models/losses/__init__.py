"""Losses of the detector and of the grouping modules."""

from .centergroup_loss import CenterGroupLoss, CenterTargets, PersonTargets
from .heatmap_loss import MultiLevelHeatmapLoss

__all__ = ['CenterGroupLoss', 'CenterTargets', 'MultiLevelHeatmapLoss', 'PersonTargets']
