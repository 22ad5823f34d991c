"""Synthetic crowds with exact labels, for tests, smoke runs and demonstrations."""

from .labels import Person, Scene
from .layout import crowd_index
from .presets import PRESETS, Preset
from .scene import make_scene
from .writer import write_dataset

__all__ = [
    'PRESETS', 'Person', 'Preset', 'Scene', 'crowd_index', 'make_scene', 'write_dataset',
]  # fmt: skip
