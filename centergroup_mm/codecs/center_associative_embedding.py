"""Codec of HigherHRNet: heatmaps at two resolutions, grouping by tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from mmpose.codecs.associative_embedding import AssociativeEmbedding
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..models.grouping import merge_heatmap_levels
from .multilevel_heatmap import encode_levels, inside_input, mirror_shift

#: From the head over the trunk to the limbs: the first types start the groups. The order for COCO
#: is HigherHRNet's; that for CrowdPose follows the same rule.
JOINT_ORDERS = {
    17: (0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16),
    14: (12, 13, 0, 1, 6, 7, 2, 3, 4, 5, 8, 9, 10, 11),
}


@KEYPOINT_CODECS.register_module()
class CenterAssociativeEmbedding(AssociativeEmbedding):
    """Targets of the detector, and poses grouped by MMPose's associative embedding.

    MMPose's ``AssociativeEmbedding`` does not name its targets for packing, so that its model
    cannot be trained. Here the targets are named, there are two levels, and optionally a center.

    Note:
        - instance number: N
        - keypoint number: K
        - network input size: [w, h]

    Encoded:
        - heatmaps (list): [T x h/4 x w/4] and [T x h/2 x w/2], T = K + 1 with the center last
        - keypoint_indices (np.ndarray): [N x K x 2] cell y * w/4 + x of every joint at 1/4, and
          1 if it is labeled and inside the input, else 0
        - keypoint_weights (np.ndarray): [N x K] float32, 1 if labeled and inside the input

    Args:
        input_size: [w, h] of the network input while training.
        sigma: standard deviation of the Gaussians in cells, the same at both levels.
        with_center: append the center heatmap.
        decode_stride: input pixels for each cell of the grid on which joints are grouped; 2 is the
            finer level itself; 1 upsamples to the input as HigherHRNet's own code does, and takes
            about four times as long.
        decode_keypoint_order: order in which joint types are assigned to groups; default as in
            HigherHRNet for 17 and 14 joints, else as numbered.
        decode_center_shift: offset of a joint from the corner of its cell, in cells.  Targets
            are drawn at truncated positions, so the default is 0.5.
        mirror_on_grid: draw targets of mirrored crops where the official implementation does, up to
            3/4 of a cell left of the joints, see ``mirror_shift``; False draws them at the joints.
        kwargs: ``decode_nms_kernel``, ``decode_keypoint_thr``, ``decode_tag_thr``,
            ``decode_topk`` and ``decode_max_instances`` of ``AssociativeEmbedding``.
    """

    decode_keypoint_order: list[int]

    auxiliary_encode_keys = {'flip'}
    label_mapping_table = dict(
        keypoint_indices='keypoint_indices', keypoint_weights='keypoint_weights'
    )
    field_mapping_table = dict(
        heatmaps='heatmaps', heatmap_mask='heatmap_mask', padding_mask='padding_mask'
    )

    def __init__(
        self,
        input_size: Sequence[int],
        sigma: float = 2.0,
        with_center: bool = True,
        decode_stride: int = 2,
        decode_keypoint_order: Sequence[int] | None = None,
        decode_center_shift: float = 0.5,
        mirror_on_grid: bool = True,
        **kwargs: Any,
    ) -> None:
        width, height = (int(side) for side in input_size)
        super().__init__(
            input_size=(width, height),
            heatmap_size=(width // decode_stride, height // decode_stride),
            sigma=sigma,
            decode_keypoint_order=list(decode_keypoint_order or ()),
            decode_center_shift=decode_center_shift,
            **kwargs,
        )
        if decode_stride not in (1, 2):
            raise ValueError(f'decode_stride must be 1 or 2, got {decode_stride}')
        self.with_center = with_center
        self.decode_stride = decode_stride
        self.mirror_on_grid = mirror_on_grid
        # The same for every image: test images have any size, not that of `heatmap_size`.
        self.scale_factor = np.full(2, decode_stride, dtype=np.float32)

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
        # Joints that do not count may lie anywhere, but their index must be one of the map's.
        mirrored = flip and self.mirror_on_grid
        cells = keypoints / 4 + (mirror_shift(mirrored, 4), 0.0)
        cells = np.where(visible[..., None], cells, 0).astype(np.int64)
        indices = cells[..., 1] * (self.input_size[0] // 4) + cells[..., 0]
        return dict(
            heatmaps=encode_levels(
                keypoints, visible, self.input_size, self.sigma, self.with_center, mirrored
            ),
            keypoint_indices=np.stack([indices, visible.astype(np.int64)], axis=-1),
            keypoint_weights=visible.astype(np.float32),
        )

    def batch_decode(
        self, levels: Sequence[Tensor], tags: Tensor
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Group joints by tags.

        Args:
            levels: heatmaps [B x T x h x w] at 1/4 and [B x T x 2 h x 2 w] at 1/2 of the input;
                a center behind the joints is dropped.
            tags: [B x V T x h x w] at 1/4, the tags of V views one after the other.

        Returns:
            for each image, as numpy arrays, keypoints [P x K x 2] in input pixels, their
            scores [P x K], and the scores of the poses [P].
        """
        types = levels[0].shape[1]
        joints = types - int(self.with_center)
        size = tuple(2 * side // self.decode_stride for side in levels[1].shape[-2:])
        maps = merge_heatmap_levels([level[:, :joints] for level in levels])
        if maps.shape[-2:] != size:
            maps = F.interpolate(maps, size=size, mode='bilinear', align_corners=False)
        views = tags.float().unflatten(1, (-1, types))[:, :, :joints].flatten(1, 2)
        views = F.interpolate(views, size=size, mode='bilinear', align_corners=False)
        if not self.decode_keypoint_order:
            self.decode_keypoint_order = list(JOINT_ORDERS.get(joints, range(joints)))
        return super().batch_decode(maps, views)

    def _fill_missing_keypoints(
        self,
        keypoints: np.ndarray,
        keypoint_scores: np.ndarray,
        heatmaps: np.ndarray,
        tags: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As MMPose's, but joints that are filled in lie in the middle of their cells."""
        missing = keypoint_scores <= 0
        keypoints, keypoint_scores = super()._fill_missing_keypoints(
            keypoints, keypoint_scores, heatmaps, tags
        )
        keypoints[missing] += self.decode_center_shift
        return keypoints, keypoint_scores
