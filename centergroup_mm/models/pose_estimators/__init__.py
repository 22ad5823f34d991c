"""Pose estimators: what connects backbone, neck and head."""

from .mixed_size_estimator import MixedSizePoseEstimator

__all__ = ['MixedSizePoseEstimator']
