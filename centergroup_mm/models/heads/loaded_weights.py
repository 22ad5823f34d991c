"""Whether the checkpoint that was loaded fits the model, however it was loaded."""

from __future__ import annotations

from typing import Any

from torch import nn

from ...utils.errors import UserError


class LoadedWeights:
    """Remembers what did not fit when weights were loaded, and refuses to predict with it.

    MMPose's inferencer, ``init_model`` and tools load what fits of a checkpoint and log the rest.
    The poses of such a model are noise. This watches the loading of the head and of everything that
    is loaded before it, which in a pose estimator are backbone and neck.

    Args:
        head: calls :meth:`check` before it predicts and :meth:`trained` when it is trained.
    """

    def __init__(self, head: nn.Module) -> None:
        self._message = ''
        self._errors: list[str] = []
        head._register_load_state_dict_pre_hook(self._before)
        head.register_load_state_dict_post_hook(self._after)

    def check(self) -> None:
        """Raise a UserError if the checkpoint lacked tensors or had others."""
        if self._message:
            raise UserError(self._message)

    def trained(self) -> None:
        """Accept the weights: training starts from some of another model's."""
        self._message = ''

    def _before(self, state: dict, prefix: str, *rest: Any) -> None:
        self._errors = rest[-1]  # shared by all modules; of other shapes than the model's

    def _after(self, module: nn.Module, keys: Any) -> None:
        missing = [key for key in keys.missing_keys if not key.endswith('num_batches_tracked')]
        others = [
            (f'{len(missing)} tensors are missing', missing),
            (f'{len(keys.unexpected_keys)} have no place', keys.unexpected_keys),
            (f'{len(self._errors)} have another shape', self._errors),
        ]
        found = [f'{text} ({names[0].strip()})' for text, names in others if names]
        self._errors = []
        self._message = ''
        if found:
            self._message = (
                f'the loaded checkpoint does not fit this model: {", ".join(found)}; '
                'load one that was trained with this config'
            )
