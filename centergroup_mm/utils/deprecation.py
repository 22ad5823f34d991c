"""Renamed arguments whose old names keep working in old configs."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TypeVar

Function = TypeVar('Function', bound=Callable)

#: what the number of keypoints was called before
OLD_NUM_KEYPOINTS = 'num_joints'


def renamed_argument(old: str, new: str) -> Callable[[Function], Function]:
    """Let a constructor take an argument by its old name too, with a FutureWarning.

    Args:
        old: the name that old configs use.
        new: today's name.
    """

    def decorate(init: Function) -> Function:
        @functools.wraps(init)
        def renamed(self, *args, **kwargs):
            if old in kwargs:
                name = type(self).__name__
                if new in kwargs:
                    raise TypeError(f'{name} got {new} and also {old}, which is its old name')
                warnings.warn(f'{name}: {old} is called {new} now', FutureWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return init(self, *args, **kwargs)

        return renamed  # type: ignore[return-value]

    return decorate
