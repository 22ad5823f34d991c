"""Annotation files in COCO's keypoint format: read once, checked, and repaired without guessing.

Pure Python and numpy. :func:`read_annotations` returns what is in a file, what is wrong with it and
what was repaired; datasets, metrics and commands all read through it.
"""

from .agreement import find_disagreement
from .check import read_annotations
from .report import Annotations, Problem

__all__ = ['Annotations', 'Problem', 'find_disagreement', 'read_annotations']
