"""What extends mmengine's runner."""

from . import log_files  # noqa: F401 (registers its class)
from .hooks import *  # noqa: F403
