"""Codecs: heatmap targets with centers, and poses from attention, tags or one shot."""

from .attention_grouping import AttentionGroupingCodec
from .center_associative_embedding import CenterAssociativeEmbedding
from .movenet_codec import MoveNetCodec

__all__ = ['AttentionGroupingCodec', 'CenterAssociativeEmbedding', 'MoveNetCodec']
