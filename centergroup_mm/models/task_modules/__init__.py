"""Assignment of detected centers to annotated persons."""

from .center_hungarian_assigner import CenterHungarianAssigner

__all__ = ['CenterHungarianAssigner']
