"""Offsets and keypoint matching, the one-shot baseline of the paper.

It is Table 1's "Offsets + keypoint match.": CenterNet's pose estimation (Zhou et al., "Objects as
Points", 2019) on the backbone and the heatmaps of CenterGroup, as Section 6.2 describes it.

``import centergroup_offsets`` registers, in MMPose's registries,

- ``OffsetsCodec``: targets, and poses from offsets and detected keypoints;
- ``OffsetsHead``: the detector of CenterGroup and a branch of offsets;
- ``OffsetsLoss``: L1 of the offsets.

Everything else (detector, proposals, flip test, transforms, evaluation) is
``centergroup_mm``'s, which knows nothing of this package.
"""

import centergroup_mm  # noqa: F401  (fills the gaps of mmcv-lite before mmpose.models)

from .codec import OffsetsCodec
from .head import OffsetsDetection, OffsetsHead
from .loss import OffsetsLoss

__all__ = ['OffsetsCodec', 'OffsetsDetection', 'OffsetsHead', 'OffsetsLoss']
