"""Backbones that MMPose lacks."""

from .movenet_mobilenet_v2 import MoveNetMobileNetV2

__all__ = ['MoveNetMobileNetV2']
