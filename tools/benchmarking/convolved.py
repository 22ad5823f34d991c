"""The embedding convolutions of the benchmark, computed in advance.

Which maps or windows the neck wants depends on the proposals; so one call is recorded, and others
get the same answers at once.  Choosing, cutting and reading remain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from .clock import replaced


def recorded(neck: nn.Module, call: Callable[[], Any]) -> list[Tensor]:
    """Return what the embedding CNNs of a ``CenterGroupNeck`` answer during a call, in order."""
    answers: list[Tensor] = []

    def keep(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run(*args: Tensor) -> Tensor:
            answers.append(function(*args))
            return answers[-1]

        return run

    with ExitStack() as stack:
        for cnn in (neck.keypoint_embed, neck.center_embed):
            functions = dict(forward=keep(cnn.forward), on_windows=keep(cnn.on_windows))
            stack.enter_context(replaced(cnn, **functions))
        call()
    return answers


@contextmanager
def convolved(neck: nn.Module, answers: list[Tensor]) -> Iterator[None]:
    """Let the embedding CNNs answer what was recorded, for one call.

    Raises:
        RuntimeError: a CNN was not called, so that nothing was left out.
    """
    following = iter(answers)

    def answer(*_: Tensor) -> Tensor:
        return next(following)

    with ExitStack() as stack:
        for cnn in (neck.keypoint_embed, neck.center_embed):
            stack.enter_context(replaced(cnn, forward=answer, on_windows=answer))
        yield
