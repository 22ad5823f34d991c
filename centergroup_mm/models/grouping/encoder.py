"""Transformer encoder layer over all proposals of an image (paper, Section 3 and C.2)."""

from __future__ import annotations

from torch import Tensor, nn


class EncoderLayer(nn.Module):
    """Post-norm self-attention and MLP whose output is added once more to its input.

    Two details follow the official implementation: the additional skip connection after the last
    layer norm, and the encoding that is added to queries and keys only.

    Args:
        channels: D.
        num_heads: attention heads.
        hidden: width of the MLP.
        dropout: probability, in training.
    """

    def __init__(
        self, channels: int = 128, num_heads: int = 4, hidden: int = 512, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(
            channels, num_heads, dropout=dropout, batch_first=True
        )
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, encoding: Tensor, valid: Tensor) -> Tensor:
        """Update every token with what it sees of the others.

        Args:
            tokens: [B x N x D].
            encoding: position and type, added to queries and keys but not to values,
                [B x N x D].
            valid: tokens that may be attended to, [B x N] bool, at least one in each image.

        Returns:
            [B x N x D].
        """
        query = tokens + encoding
        seen, _ = self.self_attn(query, query, tokens, key_padding_mask=~valid, need_weights=False)
        x = self.norm1(tokens + self.dropout(seen))
        y = self.linear2(self.dropout(self.linear1(x).relu()))
        return self.norm2(x + self.dropout(y)) + tokens
