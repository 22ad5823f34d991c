"""What the command-line tools share, and the hooks that training needs."""

from .checkpoint_hook import PlainCheckpointHook
from .hooks import ChannelsLastHook, DetectorCheckpointHook

__all__ = ['ChannelsLastHook', 'DetectorCheckpointHook', 'PlainCheckpointHook']
