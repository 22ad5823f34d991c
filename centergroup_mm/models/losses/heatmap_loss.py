"""Heatmap loss over several resolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class MultiLevelHeatmapLoss(nn.Module):
    """Masked mean squared error of the heatmaps, mean over cells, summed over levels.

    Args:
        foreground_weight: a cell with target t weighs 1 + ``foreground_weight`` * t.  With the
            default 0 all cells weigh the same (authors' program); a detector trained from
            scratch on little data needs more, else it predicts zero everywhere.
        loss_weight: factor (authors' program, stage 2: 10).
    """

    def __init__(self, foreground_weight: float = 0.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.foreground_weight = foreground_weight
        self.loss_weight = loss_weight

    def forward(
        self, predictions: Sequence[Tensor], targets: Sequence[Tensor], masks: Sequence[Tensor]
    ) -> Tensor:
        """Weighted loss, float32 whatever the autocast.

        Args:
            predictions, targets: [B x T x h x w] for each level.
            masks: [B x h x w] for each level, 0 where nothing is known.
        """
        total = predictions[0].new_zeros((), dtype=torch.float32)
        for prediction, target, mask in zip(predictions, targets, masks, strict=True):
            weight = mask.float()[:, None]
            if self.foreground_weight:
                weight = weight * (1 + self.foreground_weight * target)
            total = total + ((prediction.float() - target).square() * weight).mean()
        return self.loss_weight * total
