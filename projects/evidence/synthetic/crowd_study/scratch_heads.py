"""Heads of two rows, with weights from which a short training without a checkpoint can begin."""

from __future__ import annotations

from typing import Any

from torch import nn

from centergroup_mm.models.heads import CenterHigherHRNetHead  # before mmpose.models

# isort: split
from mmpose.models.heads import CIDHead
from mmpose.registry import MODELS


@MODELS.register_module()
class ScratchCIDHead(CIDHead):
    """CID's head, in which the heatmaps of one person begin with Kaiming's deviation.

    The stock head draws four layers that follow one another with a deviation of 0.001, so that at
    first nothing of the image, nor of the person, reaches these heatmaps. That suits the pretrained
    backbone and the long training of MMPose's config. The head sets it after its ``init_cfg``, so
    that a config cannot change it. The last layer keeps the stock deviation, and the bias of rare
    keypoints.

    Args:
        args: of ``CIDHead``.
    """

    def __init__(self, **args: Any) -> None:
        super().__init__(**args)
        last = self.gfd_module.init_cfg[-1]['override']
        self.gfd_module.init_cfg = [
            dict(type='Kaiming', layer=['Conv2d', 'Linear'], override=dict(last))
        ]


@MODELS.register_module()
class ScratchTagHead(CenterHigherHRNetHead):
    """HigherHRNet's head, in which the tags begin with Kaiming's deviation.

    With HigherHRNet's deviation of 0.001 all tags begin nearly equal, where the loss that pushes
    the people of an image apart is flat: its gradient is proportional to their difference. A long
    training from a pretrained backbone leaves that place, a short one from scratch does not.

    Args:
        args: of ``CenterHigherHRNetHead``, with ``with_tags=True``.
    """

    def init_weights(self) -> None:
        """Draw all weights as the stock head does, then those of the tags anew."""
        super().init_weights()
        nn.init.kaiming_normal_(self.final_layers[0].weight.data[self.num_types :])
