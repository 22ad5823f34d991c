"""Codecs: heatmap targets with centers, and poses from attention or from tags."""

from .attention_grouping import AttentionGroupingCodec
from .center_associative_embedding import CenterAssociativeEmbedding

__all__ = ['AttentionGroupingCodec', 'CenterAssociativeEmbedding']
