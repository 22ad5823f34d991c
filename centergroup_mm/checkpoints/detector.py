"""Weights of a detector for a model that groups what it detects."""

from __future__ import annotations

from torch import nn

from ..utils.errors import UserError
from .load import check_checkpoint, missing_weights, weights_of


def load_detector(model: nn.Module, path: str) -> bool:
    """Load the detector from its own checkpoint, or all from that of a whole model.

    Args:
        model: pose estimator with a ``PointCenterGroupHead``.
        path: a local file.

    Returns:
        True if the file held weights of the grouping too, which the model then has.

    Raises:
        UserError: a part of the detector is not in it.
    """
    weights = weights_of(check_checkpoint(path))
    if not any(name.startswith('head.detector.') for name in weights):
        weights = {
            name.replace('head.', 'head.detector.', 1) if name.startswith('head.') else name: value
            for name, value in weights.items()
        }
    own = ('head.grouping.', 'head.calibration')
    missing = missing_weights(model, weights)[1]
    absent = [name for name in missing if not name.startswith(own)]
    if absent:
        raise UserError(f'{path} is not a checkpoint of this detector: {absent[0]} is missing')
    return not any(name.startswith('head.grouping.') for name in missing)
