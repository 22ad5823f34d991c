"""Datasets that leave nothing out silently, and what MMPose's data pipeline lacks."""

from .bottomup_coco import (
    BottomupCocoDataset,
    BottomupCrowdPoseDataset,
    BottomupDataset,
    BottomupOCHumanDataset,
)
from .transforms import *  # noqa: F403

__all__ = [
    'BottomupCocoDataset',
    'BottomupCrowdPoseDataset',
    'BottomupDataset',
    'BottomupOCHumanDataset',
]
