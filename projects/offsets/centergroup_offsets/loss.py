"""Loss of the offsets."""

from __future__ import annotations

from mmpose.registry import MODELS
from torch import Tensor, nn

from centergroup_mm.models.losses.normalizer import mean_where


@MODELS.register_module()
class OffsetsLoss(nn.Module):
    """L1 between regressed and annotated offsets, over labeled joints ("Objects as Points").

    Args:
        loss_weight: factor of the mean over joints, x and y in input pixels.  The paper names
            none for its baseline; the default is what CenterGroup gives its own L1 loss of
            locations in the same unit, so that both learn places at the same rate.
    """

    def __init__(self, loss_weight: float = 0.02) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, offsets: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
        """Weighted loss, in float32 whatever the autocast.

        Args:
            offsets: regressed [B x N x K x 2] in input pixels.
            targets: annotated, the same shape.
            counted: [B x N x K] bool, joints that teach.

        Returns:
            scalar; zero, with a gradient path, where no joint teaches.

        Raises:
            ValueError: the shapes differ.
        """
        if offsets.shape != targets.shape or counted.shape != targets.shape[:-1]:
            raise ValueError(
                f'offsets {tuple(offsets.shape)}, targets {tuple(targets.shape)} and counted '
                f'{tuple(counted.shape)} do not fit one another'
            )
        error = (offsets.float() - targets.float()).abs()
        return self.loss_weight * mean_where(error, counted[..., None])
