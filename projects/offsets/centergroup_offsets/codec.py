"""Codec of the baseline: targets, and poses from offsets and detected keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from centergroup_mm.codecs import AttentionGroupingCodec
from centergroup_mm.codecs.multilevel_heatmap import encode_centers, encode_levels, inside_input
from centergroup_mm.models.grouping import Poses, Proposals, refine_points, value_at

from .offsets import match_keypoints


@KEYPOINT_CODECS.register_module()
class OffsetsCodec(BaseKeypointCodec):
    """Targets for training and weight-free decoding for test.

    Note:
        - instance number: N
        - keypoint number: K
        - network input size: [w, h]

    Encoded:
        - heatmaps (list): [K+1 x h/4 x w/4] and [K+1 x h/2 x w/2], the center last
        - centers (np.ndarray): [N x 2] mean of the visible joints in input pixels
        - offsets (np.ndarray): [N x K x 2] from the center to every joint in input pixels
        - offsets_visible (np.ndarray): [N x K] 1 if labeled and inside the input, else 0

    Args:
        input_size: [w, h] of the network input while training.
        sigma: standard deviation of the Gaussians in cells, the same at both levels.
        max_shift: furthest a keypoint may be from a regressed joint to replace it, as a share
            of the longer side of the pose's box; the default None matches at any distance, as
            the CenterGroup paper describes its baseline (Section 6.2).  CenterNet matches only
            near the object's box, in its code up to 0.3 of the longer side; it regresses
            that box, here it is the one around the regressed joints.
        mirror_on_grid: as of ``AttentionGroupingCodec``.
    """

    auxiliary_encode_keys = {'flip'}
    label_mapping_table = dict(
        centers='centers', offsets='offsets', offsets_visible='offsets_visible'
    )
    field_mapping_table = dict(heatmaps='heatmaps', heatmap_mask='heatmap_mask')

    def __init__(
        self,
        input_size: Sequence[int],
        sigma: float = 2.0,
        max_shift: float | None = None,
        mirror_on_grid: bool = True,
    ) -> None:
        super().__init__()
        if max_shift is not None and max_shift <= 0:
            raise ValueError(f'max_shift must be positive or None, got {max_shift}')
        self.input_size = tuple(int(side) for side in input_size)
        self.sigma = sigma
        self.max_shift = max_shift
        self.mirror_on_grid = mirror_on_grid

    def encode(
        self,
        keypoints: np.ndarray,
        keypoints_visible: np.ndarray | None = None,
        flip: bool | None = None,
    ) -> dict:
        """Targets of one image.

        Args:
            keypoints: [N x K x 2] (x, y) in input pixels.
            keypoints_visible: [N x K], above 0 if labeled; default all.
            flip: the crop is mirrored, and its joints with it.

        Returns:
            see the class.
        """
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], dtype=np.float32)
        visible = inside_input(keypoints, keypoints_visible, self.input_size)
        centers, _ = encode_centers(keypoints, visible, self.input_size)
        return dict(
            heatmaps=encode_levels(
                keypoints,
                visible,
                self.input_size,
                self.sigma,
                mirrored=flip and self.mirror_on_grid,
            ),
            centers=centers,
            # joints that are not labeled may lie anywhere; their offsets teach nothing
            offsets=((keypoints - centers[:, None]) * visible[..., None]).astype(np.float32),
            offsets_visible=visible.astype(np.float32),
        )

    def decode(self, encoded: dict) -> tuple[np.ndarray, np.ndarray]:
        """Poses of one image from its labels, the inverse of :meth:`encode` for round trips.

        Args:
            encoded: result of :meth:`encode`.

        Returns:
            keypoints [N x K x 2] in input pixels (the center where a joint is not visible) and
            visibility [N x K].
        """
        return encoded['centers'][:, None] + encoded['offsets'], encoded['offsets_visible']

    def batch_decode(
        self, regressed: Tensor, centers: Proposals, keypoints: Proposals, maps: Tensor
    ) -> Poses:
        """Move every regressed joint to the closest detected keypoint of its type.

        It stays where it is if there is none.

        The score of a pose is the heatmap value of its center, as in CenterNet, and as in the
        CenterGroup paper where nothing else is trained to score poses (Section 6.2, "Loss
        terms": "the confidence of its predicted center from heatmaps").  The score of a joint
        is the heatmap value of the keypoint it is matched to, or the value at the regressed
        place, which is low where nothing was detected.

        Args:
            regressed: joints [B x C x K x 2] in input pixels.
            centers: flattened center proposals [B x C ...].
            keypoints: proposals of the joints [B x K x R ...].
            maps: merged heatmaps of the joints [B x K x H x W].

        Returns:
            Poses [B x C ...] in input pixels.
        """
        matches = match_keypoints(regressed, keypoints, self.max_shift)
        x, y = regressed.floor().long().transpose(1, 2).unbind(-1)  # [B x K x C]
        unmatched = value_at(maps, x, y).transpose(1, 2)
        refined = refine_points(matches.points.to(regressed.dtype), maps)
        places = torch.where(matches.matched[..., None], refined, regressed)
        scores = torch.where(matches.matched, matches.scores, unmatched)
        return Poses(places, scores.clamp(min=0), centers.scores * centers.valid, centers.valid)

    to_instances = staticmethod(AttentionGroupingCodec.to_instances)
