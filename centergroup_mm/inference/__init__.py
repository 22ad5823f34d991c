"""Models that are ready to find people: loaded with all of their weights."""

from .predictor import TorchPredictor, load_model

__all__ = ['TorchPredictor', 'load_model']
