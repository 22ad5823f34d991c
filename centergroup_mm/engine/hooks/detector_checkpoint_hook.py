"""Start the second stage of training from the detector that the first stage trained."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS


@HOOKS.register_module()
class DetectorCheckpointHook(Hook):
    """Let a ``CenterGroupHead`` start from the checkpoint of a detector that was trained alone.

    In that checkpoint the detector is the model's head. In this model it is a part of the head, so
    its parameters are renamed from ``head.`` to ``head.detector.`` when the checkpoint is loaded.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Rename the detector's parameters; other checkpoints stay as they are."""
        state = checkpoint.get('state_dict', checkpoint)
        for part in ('final_layers.', 'deconv_layers.'):
            for name in [n for n in state if n.startswith(f'head.{part}')]:
                state[name.replace('head.', 'head.detector.', 1)] = state.pop(name)
