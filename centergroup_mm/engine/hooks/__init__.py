"""Hooks of mmengine's runner that configs name."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .channels_last_hook import ChannelsLastHook
from .detector_checkpoint_hook import DetectorCheckpointHook
from .draw_predictions_hook import DrawPredictionsHook
from .finite_training_hook import FiniteTrainingHook
from .graceful_stop_hook import GracefulStopHook, TrainingStopped
from .plain_checkpoint_hook import PlainCheckpointHook
from .randomness_hook import RandomnessHook

__all__ = [
    'AtomicCheckpointHook',
    'ChannelsLastHook',
    'DetectorCheckpointHook',
    'DrawPredictionsHook',
    'FiniteTrainingHook',
    'GracefulStopHook',
    'PlainCheckpointHook',
    'RandomnessHook',
    'TrainingStopped',
]
