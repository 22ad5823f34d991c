"""Necks: a feature pyramid, and from features and proposals to context-aware embeddings."""

from .centergroup_neck import CenterGroupNeck, Tokens
from .movenet_fpn import MoveNetFPN

__all__ = ['CenterGroupNeck', 'MoveNetFPN', 'Tokens']
