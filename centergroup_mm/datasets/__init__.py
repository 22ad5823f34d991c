"""What MMPose's data pipeline lacks."""

from .transforms import *  # noqa: F403
