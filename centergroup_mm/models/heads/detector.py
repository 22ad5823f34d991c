"""The protocol between ``CenterGroupHead`` and a keypoint detector.

A detector is any module with the members of :class:`Detector`.  ``CenterHigherHRNetHead`` predicts
heatmaps at two resolutions; ``MoveNetHead`` predicts one level and everything that is optional. A
new detector needs only the two classes of this file: register it in MMPose's ``MODELS`` and name it
in ``CenterGroupHead(detector=dict(type=...))``. docs/architecture.md has an example.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class DetectorMaps(NamedTuple):
    """What a detector predicts for a batch of images; all (x, y), cells are those of a level.

    ======== =========================== =====================================================
    heatmaps [B x K+1 x h x w] each      one for each level, coarse to fine; K keypoint types,
                                         the center last; values near 1 at a keypoint
    offsets  [B x K x 2 x h x w] or None from the integer cell of a keypoint to its place, in
                                         cells of the finest level
    joints   [B x K x 2 x h x w] or None from the integer cell of a center to the keypoints of
                                         its person as the detector regresses them, in cells
    sizes    [B x 2 x h x w] or None     width and height of the person at a center, in cells
    ======== =========================== =====================================================
    """

    heatmaps: Sequence[Tensor]
    offsets: Tensor | None = None
    joints: Tensor | None = None
    sizes: Tensor | None = None


@runtime_checkable
class Detector(Protocol):
    """Members that a detector has.

    Attributes:
        num_keypoints: K.
        with_center: whether the last heatmap is that of the centers of people, as
            ``CenterGroupHead`` requires.
        strides: pixels of the network input for each cell of a level, coarse to fine.
    """

    num_keypoints: int
    with_center: bool
    strides: tuple[int, ...]

    def detect(self, feats: Sequence[Tensor]) -> DetectorMaps:
        """Predict all maps.

        Args:
            feats: what backbone and neck of the model give, [B x C x h x w] each.
        """
        ...

    def map_losses(self, maps: DetectorMaps, batch_data_samples: Sequence) -> dict[str, Tensor]:
        """Weighted losses of the maps against the targets that the codec drew.

        Args:
            maps: result of :meth:`detect`.
            batch_data_samples: with the fields of the codec.
        """
        ...
