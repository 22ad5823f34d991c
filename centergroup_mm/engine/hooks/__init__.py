"""Hooks of mmengine's runner that configs name."""

from .channels_last_hook import ChannelsLastHook
from .detector_checkpoint_hook import DetectorCheckpointHook
from .plain_checkpoint_hook import PlainCheckpointHook

__all__ = ['ChannelsLastHook', 'DetectorCheckpointHook', 'PlainCheckpointHook']
