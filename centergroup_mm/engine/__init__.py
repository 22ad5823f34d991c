"""What extends mmengine's runner."""

from .hooks import *  # noqa: F403
