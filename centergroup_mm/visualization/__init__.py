"""Pictures: poses on images and the course of a training."""

from .curves import draw_curves, read_scalars
from .poses import draw_poses, montage

__all__ = ['draw_curves', 'draw_poses', 'montage', 'read_scalars']
