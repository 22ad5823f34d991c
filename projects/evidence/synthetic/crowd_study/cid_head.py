"""MMPose's CID head with weights from which a short training without a checkpoint can begin."""

from __future__ import annotations

from typing import Any

import centergroup_mm  # noqa: F401  (fills the gaps of mmcv-lite before mmpose.models)

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
