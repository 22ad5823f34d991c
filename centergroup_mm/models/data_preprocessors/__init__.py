"""From loaded images to network inputs."""

from .centergroup_preprocessor import CenterGroupDataPreprocessor
from .padded_images import PaddedImages

__all__ = ['CenterGroupDataPreprocessor', 'PaddedImages']
