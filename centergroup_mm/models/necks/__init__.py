"""From features and proposals to context-aware embeddings."""

from .centergroup_neck import CenterGroupNeck, Tokens

__all__ = ['CenterGroupNeck', 'Tokens']
