"""Rows 4 and 5 of the evidence: other backbones and other methods on synthetic crowds."""
