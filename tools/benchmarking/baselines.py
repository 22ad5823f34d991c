"""What the grouping of CenterGroup is compared with: associative embedding and offsets.

*Associative embedding* is MMPose's own ``AssociativeEmbedding.batch_decode``, unchanged, on the
very merged heatmaps at input resolution from which CenterGroup's proposals come.  Its tags are
painted: every cell has the tag of the person whose joint of that type is nearest, and the tags
of two people are at least two apart in every view.  So its grouping problem is easy: no tag is
noisy and no two people are alike, which no trained network reaches, and the assignment inside
ends as early as it can.  Its maps are at input resolution, as in HigherHRNet's own program.

*Offsets* is the head of ``projects/offsets``, where its package can be imported; its offset
maps are those of random weights, as its work does not depend on their values.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmpose.codecs.associative_embedding import AssociativeEmbedding
from torch import Tensor

from centergroup_mm.codecs.center_associative_embedding import JOINT_ORDERS
from centergroup_mm.models.grouping import mirror_heatmaps

_PACKAGE = 'centergroup_offsets'
_PROJECT = Path(__file__).parents[2] / 'projects' / 'offsets'


class TagDecoder:
    """MMPose's associative embedding at input resolution, set as for its own models.

    Args:
        size: (w, h) of the network input in pixels.
        joints: K.
    """

    def __init__(self, size: tuple[int, int], joints: int) -> None:
        self.codec = AssociativeEmbedding(
            input_size=size,
            heatmap_size=size,
            decode_keypoint_order=list(JOINT_ORDERS.get(joints, range(joints))),
            decode_topk=30,
            decode_center_shift=0.5,
            decode_max_instances=30,
        )

    @staticmethod
    def merge_tags(tags: Tensor, flip_indices: Tensor | None) -> Tensor:
        """Tags of the views at input resolution.

        Args:
            tags: [V B x K x h x w] at 1/4, all images and then all mirrored images.
            flip_indices: [K]; V = 2 if given.

        Returns:
            [B x V K x H x W], repeated rather than interpolated, which keeps them well apart.
        """
        if flip_indices is not None:
            there, back = tags.chunk(2)
            tags = torch.cat([there, mirror_heatmaps(back, flip_indices)], dim=1)
        return F.interpolate(tags, scale_factor=4, mode='nearest')

    def decode(self, maps: Tensor, tags: Tensor) -> Any:
        """Poses; arguments are [B x K x H x W] and [B x V K x H x W]."""
        return self.codec.batch_decode(maps, tags)


class OffsetsBaseline:
    """The grouping of the offsets baseline, from merged maps to poses.

    Args:
        cfg: of CenterGroup; the baseline gets its detector's sizes.
        device: where it runs.

    Raises:
        ImportError: the baseline's package is not there.
    """

    def __init__(self, cfg: Config, device: torch.device | str) -> None:
        package = _import_offsets()
        head = cfg.model.head
        self.detection = package.OffsetsDetection
        self.head = package.OffsetsHead(
            detector=head.detector,
            in_channels=head.neck.in_channels,
            loss=dict(type='OffsetsLoss'),
            decoder=dict(type='OffsetsCodec', input_size=head.decoder.input_size),
            num_slots=head.get('num_slots', 30),
        )
        self.head = self.head.to(device).eval()

    @torch.no_grad()
    def offset_maps(self, feature: Tensor, images: int) -> Tensor:
        """Offset maps of the first images, [B x K x 2 x h x w]."""
        return self.head.offset_maps(feature[:images])


def _import_offsets() -> Any:
    """Import the baseline's package, installed or from its folder in a clone."""
    try:
        return importlib.import_module(_PACKAGE)
    except ModuleNotFoundError as error:
        if error.name != _PACKAGE or not _PROJECT.is_dir():
            raise
    sys.path.append(str(_PROJECT))
    return importlib.import_module(_PACKAGE)


def load_offsets(
    cfg: Config, device: torch.device | str
) -> tuple[OffsetsBaseline | None, Sequence[str]]:
    """Build the offsets baseline if it is there.

    Returns:
        the baseline or None, and lines for the report.
    """
    try:
        return OffsetsBaseline(cfg, device), ()
    except ImportError as error:
        return None, (f'offsets baseline not measured: {_PACKAGE} cannot be imported ({error})',)
