"""Data preprocessors: from the images of a batch to the tensors of a network."""

from .centergroup_data_preprocessor import CenterGroupDataPreprocessor

__all__ = ['CenterGroupDataPreprocessor']
