"""Codecs: heatmap targets with centers, and poses from attention."""

from .attention_grouping import AttentionGroupingCodec

__all__ = ['AttentionGroupingCodec']
