"""Poses drawn on images; the code is in ``centergroup_lite``, which needs no torch."""

from centergroup_lite.drawing import draw_poses, montage, person_color

__all__ = ['draw_poses', 'montage', 'person_color']
