"""Codec of CenterGroup: heatmap targets with centers, and poses from attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.structures import InstanceData
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from ..models.grouping import GroupingOutput, Poses, decode_poses
from ..utils.instances import pose_instances
from .multilevel_heatmap import encode_centers, encode_levels, inside_input


@KEYPOINT_CODECS.register_module()
class AttentionGroupingCodec(BaseKeypointCodec):
    """Targets for training and weight-free decoding for test.

    Note:
        - instance number: N
        - keypoint number: K
        - network input size: [w, h]

    Encoded:
        - heatmaps (list): [K+1 x h/4 x w/4] and [K+1 x h/2 x w/2], the center last
        - joints (np.ndarray): [N x K+1 x 2] joints and center in input pixels
        - joints_visible (np.ndarray): [N x K+1] labeled and inside the input
        - box_sizes (np.ndarray): [N x 2] width and height of the boxes in input pixels
        - matchable (np.ndarray): [N] persons that have a visible joint

    Args:
        input_size: [w, h] of the network input while training.
        sigma: standard deviation of the Gaussians in cells, the same at both levels.
        min_joints: this many best joints count for the score of a pose (paper, Eq. 14: 0).
        visible_thr: joints with a higher visibility count for the score.
        by_visibility: poses are scored by their joints' visibility; False scores them by their
            center alone (paper, Table 2, rows 1 and 2).
        mirror_on_grid: draw targets of mirrored crops where the official implementation does, up to
            3/4 of a cell left of the joints, see ``mirror_shift``; False draws them at the joints.
    """

    auxiliary_encode_keys = {'bbox', 'flip'}
    label_mapping_table = dict(
        joints='joints',
        joints_visible='joints_visible',
        box_sizes='box_sizes',
        matchable='matchable',
    )
    field_mapping_table = dict(
        heatmaps='heatmaps',
        heatmap_mask='heatmap_mask',
        label_mask='label_mask',
        padding_mask='padding_mask',
    )

    def __init__(
        self,
        input_size: Sequence[int],
        sigma: float = 2.0,
        min_joints: int = 5,
        visible_thr: float = 0.5,
        by_visibility: bool = True,
        mirror_on_grid: bool = True,
    ) -> None:
        super().__init__()
        self.input_size = tuple(input_size)
        self.sigma = sigma
        self.min_joints = min_joints
        self.visible_thr = visible_thr
        self.by_visibility = by_visibility
        self.mirror_on_grid = mirror_on_grid

    def encode(
        self,
        keypoints: np.ndarray,
        keypoints_visible: np.ndarray | None = None,
        bbox: np.ndarray | None = None,
        flip: bool | None = None,
    ) -> dict:
        """Targets of one image.

        Args:
            keypoints: [N x K x 2] in input pixels.
            keypoints_visible: [N x K], above 0 if labeled; default all.
            bbox: [N x 4] (x1, y1, x2, y2) or corners [N x 4 x 2] in input pixels; default the
                extent of the visible joints.
            flip: the crop is mirrored, and its joints with it.

        Returns:
            see the class.
        """
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], dtype=np.float32)
        visible = inside_input(keypoints, keypoints_visible, self.input_size)
        centers, has_joint = encode_centers(keypoints, visible, self.input_size)
        joints = np.concatenate([keypoints, centers[:, None]], axis=1).astype(np.float32)
        joints_visible = np.concatenate([visible, has_joint[:, None]], axis=1)
        if bbox is None:
            bbox = joints[:, :-1]
        num_corners = np.asarray(bbox)[0].size // 2 if len(keypoints) else 1
        corners = np.asarray(bbox, dtype=np.float32).reshape(len(keypoints), num_corners, 2)
        box_sizes = corners.max(1) - corners.min(1)
        return dict(
            heatmaps=encode_levels(
                keypoints,
                visible,
                self.input_size,
                self.sigma,
                mirrored=flip and self.mirror_on_grid,
            ),
            joints=joints,
            joints_visible=joints_visible.astype(np.float32),
            box_sizes=box_sizes.astype(np.float32),
            matchable=has_joint.astype(np.float32),
        )

    def decode(self, encoded: dict) -> tuple[np.ndarray, np.ndarray]:
        """Poses of one image from its labels, the inverse of :meth:`encode` for round trips.

        Args:
            encoded: result of :meth:`encode`.

        Returns:
            keypoints [N x K x 2] in input pixels and visibility [N x K].
        """
        return encoded['joints'][:, :-1], encoded['joints_visible'][:, :-1]

    def batch_decode(self, output: GroupingOutput, maps: Tensor, valid: Tensor) -> Poses:
        """Poses of a batch, see :func:`centergroup_mm.models.grouping.decode_poses`.

        Args:
            output: of the last grouping module, views merged.
            maps: merged heatmaps of the joints [B x K x H x W], not masked.
            valid: centers that take part [B x C] bool.
        """
        return decode_poses(
            output, maps, valid, self.min_joints, self.visible_thr, self.by_visibility
        )

    @staticmethod
    def to_instances(poses: Poses, score_thr: float = 0.0) -> list[InstanceData]:
        """Poses as MMPose wants them: numpy, one InstanceData for each image.

        Args:
            poses: result of :meth:`batch_decode`.
            score_thr: poses with a lower score are dropped.
        """
        arrays = [field.detach().float().cpu().numpy() for field in poses[:3]]
        return [
            pose_instances(keypoints[kept], visibility[kept], scores[kept], score_thr)
            for kept, keypoints, visibility, scores in zip(
                poses.valid.cpu().numpy(), *arrays, strict=True
            )
        ]
