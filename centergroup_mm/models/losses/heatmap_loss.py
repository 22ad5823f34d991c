"""Loss of heatmaps at several resolutions."""

from __future__ import annotations

from collections.abc import Sequence

from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class MultiLevelHeatmapLoss(nn.Module):
    """Masked mean squared error, averaged within a level and summed over levels.

    The mean is over all cells, masked ones included, as in HigherHRNet and in the official
    implementation.

    Args:
        loss_weight: factor of the sum (CenterGroup: 10, the detector alone: 1).
        foreground_weight: the error of a cell is multiplied by 1 + ``foreground_weight`` * target.
            The default 0 is the plain error. Small models that are trained from scratch for a short
            time need more, because the empty background would keep their heatmaps at zero.
    """

    def __init__(self, loss_weight: float = 1.0, foreground_weight: float = 0.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.foreground_weight = foreground_weight

    def forward(
        self, predictions: Sequence[Tensor], targets: Sequence[Tensor], masks: Sequence[Tensor]
    ) -> Tensor:
        """Weighted loss, in float32 whatever the autocast.

        Args:
            predictions: for each level the predicted maps [B x T x h x w].
            targets: target maps of the same shapes.
            masks: [B x h x w], above 0 where the error counts.

        Returns:
            scalar.

        Raises:
            ValueError: the numbers of levels or the shapes differ.
        """
        if not len(predictions) == len(targets) == len(masks):
            raise ValueError(
                f'{len(predictions)} levels are predicted, there are {len(targets)} targets '
                f'and {len(masks)} masks'
            )
        total = 0.0
        for prediction, target, mask in zip(predictions, targets, masks, strict=True):
            if prediction.shape != target.shape:
                raise ValueError(
                    f'predicted maps {tuple(prediction.shape)}, targets {tuple(target.shape)}'
                )
            target = target.float()
            error = (prediction.float() - target).square() * mask.float()[:, None]
            if self.foreground_weight:
                error = error * (1 + self.foreground_weight * target)
            total = total + error.mean()
        return self.loss_weight * total
