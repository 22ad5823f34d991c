"""Models that are ready to find people, by name and with all of their weights."""

from .names import names, register, weights_of
from .predictor import TorchPredictor, load_model

__all__ = ['TorchPredictor', 'load_model', 'names', 'register', 'weights_of']
