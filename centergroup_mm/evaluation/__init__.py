"""COCO's metric for bottom-up models, and AP of parts of a dataset."""

from .bottomup_coco_metric import BottomupCocoMetric

__all__ = ['BottomupCocoMetric']
