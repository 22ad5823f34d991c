"""Transforms and the generator of synthetic crowds."""

from .transforms import *  # noqa: F403
