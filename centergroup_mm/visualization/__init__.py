"""Pictures: poses on images, why they are what they are, and the course of a training."""

from .curves import draw_curves, read_scalars
from .poses import draw_poses, montage
from .visualizer import CenterGroupVisualizer

__all__ = ['CenterGroupVisualizer', 'draw_curves', 'draw_poses', 'montage', 'read_scalars']
