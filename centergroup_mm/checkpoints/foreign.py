"""Checkpoints that contain objects of a training framework beside the weights."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch

from ..utils.errors import UserError
from .load import UNREADABLE, check_checkpoint

#: whether this torch can list the classes that a checkpoint needs: 2.6 and newer
CAN_LEAVE_OUT = hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint')

# Frameworks whose checkpoints hold settings and callbacks as objects of their own classes.
_PACKAGES = (
    'argparse',
    'easydict',
    'lightning',
    'lightning_fabric',
    'omegaconf',
    'pytorch_lightning',
    'yacs',
)


class _Inert:
    """Stand-in for a class that is not loaded; it ignores its arguments."""

    def __new__(cls, *args: Any, **kwargs: Any) -> OrderedDict:
        """Return a dict, which torch's safe loader fills with attributes and items."""
        return OrderedDict()


def load_foreign(path: str) -> dict[str, Any]:
    """Load a checkpoint with ``weights_only=True``, without the frameworks that wrote it.

    Objects of training frameworks are replaced by stand-ins, and none of the frameworks' code is
    imported or run. Classes of any other package are refused as usual.

    Args:
        path: a local file.

    Returns:
        its content.

    Raises:
        UserError: it is missing, unreadable, or needs a class of another package.
    """
    if not CAN_LEAVE_OUT:
        try:
            return check_checkpoint(path)
        except UserError as error:
            if not any(f'it needs {name}.' in str(error) for name in _PACKAGES):
                raise
            remedy = 'torch 2.6 or newer leaves objects of Lightning out'
            raise UserError(f'{error}; {remedy}') from error
    shells = [_shell(name) for name in _unsafe_names(path) if name.split('.')[0] in _PACKAGES]
    if not shells:
        return check_checkpoint(path)
    with torch.serialization.safe_globals(shells):
        return check_checkpoint(path)


def _unsafe_names(path: str) -> list[str]:
    """Names of the classes that torch would refuse; none if it cannot tell."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except UNREADABLE:  # not a file, cut off, or older than torch 1.6: loading says why
        return []


def _shell(name: str) -> type:
    """Return a stand-in class with the given name."""
    module, _, qualname = name.rpartition('.')
    return type(qualname, (_Inert,), {'__module__': module, '__qualname__': qualname})
