"""The grouping of this baseline, from merged heatmaps to poses, for ``tools/benchmark.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from .head import OffsetsDetection, OffsetsHead


class OffsetsBaseline:
    """Regressed offsets and the closest detected keypoint.

    Its offset maps are those of random weights, as its work does not depend on their values.

    Args:
        cfg: of CenterGroup; the baseline gets its detector's sizes.
        device: where it runs.
    """

    name = 'offsets'
    label = 'offsets and keypoint match'

    def __init__(self, cfg: Config, device: torch.device | str) -> None:
        head = cfg.model.head
        self.head = _GivenMaps(
            detector=head.detector,
            in_channels=head.neck.in_channels,
            loss=dict(type='OffsetsLoss'),
            decoder=dict(type='OffsetsCodec', input_size=head.decoder.input_size),
            num_slots=head.get('num_slots', 30),
            metainfo=head.get('metainfo'),
        )
        self.head = self.head.to(device).eval()

    def prepare(self, levels: Sequence[Tensor], maps: Tensor) -> OffsetsDetection:
        """Compute the offset maps, which a detector gives together with its heatmaps.

        Args:
            levels: features of the backbone, the last entry [V B x C x h x w] at 1/4; all
                images and then, with flip test, all mirrored images.
            maps: merged heatmaps [B x K+1 x H x W].
        """
        return OffsetsDetection(maps, self.head.offset_maps(levels[-1][: len(maps)]))

    def group(
        self, given: OffsetsDetection, feats: Sequence, samples: Sequence, test_cfg: dict
    ) -> list:
        """Form poses as :meth:`OffsetsHead.predict` does, with maps that are given."""
        self.head.given = given
        return self.head.predict(feats, samples, test_cfg)


class _GivenMaps(OffsetsHead):
    """The head without its detector."""

    given: OffsetsDetection

    def detect(self, *_: Any) -> OffsetsDetection:
        """Return what is given instead of computing it."""
        return self.given
