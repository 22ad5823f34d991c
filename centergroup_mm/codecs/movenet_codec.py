"""Codec of MoveNet MultiPose: its targets, and its own decoding of any number of people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.structures import InstanceData
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS

from ..models.grouping.one_shot import MoveNetMaps, snap_to_joints
from ..utils.instances import pose_instances
from .multilevel_heatmap import inside_input

#: input pixels for each cell of the maps
STRIDE = 4


@KEYPOINT_CODECS.register_module()
class MoveNetCodec(BaseKeypointCodec):
    """Targets of MoveNet's heads, and one-shot poses: regressed joints moved to detected ones.

    Centers are the middles of boxes, as in CenterNet, on which MoveNet MultiPose is built.

    Note:
        - instance number: N
        - keypoint number: K
        - network input size: [w, h]

    Encoded, for the M of N people with a large enough part inside the input:
        - heatmaps (list): one level [K+1 x h/4 x w/4], the center last; Gaussians whose peak is
          exactly 1 at the cell of the joint
        - joints (np.ndarray): [M x K x 2] in input pixels
        - joints_visible (np.ndarray): [M x K], 1 if labeled and inside the input
        - boxes (np.ndarray): [M x 4] (x1, y1, x2, y2) in input pixels, cut at its border

    Args:
        input_size: [w, h] of the network input while training.
        max_people: poses decoded for each image (the released graph: 6).
        min_inside: smallest share of a box inside the input for which a person counts.
    """

    auxiliary_encode_keys = {'bbox'}
    label_mapping_table = dict(joints='joints', joints_visible='joints_visible', boxes='boxes')
    field_mapping_table = dict(heatmaps='heatmaps', heatmap_mask='heatmap_mask')

    def __init__(
        self,
        input_size: Sequence[int] = (512, 512),
        max_people: int = 20,
        min_inside: float = 0.2,
    ) -> None:
        super().__init__()
        self.input_size = (int(input_size[0]), int(input_size[1]))
        self.max_people = max_people
        self.min_inside = min_inside

    def encode(
        self,
        keypoints: np.ndarray,
        keypoints_visible: np.ndarray | None = None,
        bbox: np.ndarray | None = None,
    ) -> dict:
        """Targets of one image.

        Args:
            keypoints: [N x K x 2] (x, y) in input pixels.
            keypoints_visible: [N x K], above 0 if labeled; default all.
            bbox: [N x 4] (x1, y1, x2, y2) or corners [N x 4 x 2] in input pixels; default the
                extent of the visible joints.

        Returns:
            see the class.
        """
        keypoints = np.asarray(keypoints, dtype=np.float32)
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], dtype=np.float32)
        boxes = _boxes_of(keypoints, keypoints_visible, bbox)
        visible = inside_input(keypoints, keypoints_visible, self.input_size)
        limits = np.array(self.input_size * 2, dtype=np.float32)
        cut = np.minimum(np.maximum(boxes, 0), limits)
        counts = visible.any(1) & (_areas(cut) > self.min_inside * _areas(boxes))
        joints, visible, cut = keypoints[counts], visible[counts], cut[counts]
        return dict(
            heatmaps=[self._draw(joints, visible, cut)],
            joints=joints,
            joints_visible=visible.astype(np.float32),
            boxes=cut,
        )

    def _draw(self, joints: np.ndarray, visible: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Heatmaps of one image: [M x K x 2], [M x K] and [M x 4] -> [K+1 x h/4 x w/4]."""
        width, height = (side // STRIDE for side in self.input_size)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        points = np.concatenate([joints, middles[:, None]], 1) / STRIDE
        drawn = np.concatenate([visible, np.ones_like(visible[:, :1])], 1)
        size = np.sqrt(np.maximum(_areas(boxes), 1)) / STRIDE  # in cells
        # Wide enough to tolerate a peak next to the true cell. The released weights have such
        # peaks: on photographs, 1.3 to 2 cells wide for people of 8 to 64 cells.
        joint_sigma = np.clip(0.8 + 0.02 * size, 1.0, 2.2)
        center_sigma = np.clip(0.8 + 0.035 * size, 1.0, 4.0)
        heatmaps = np.zeros((points.shape[1], height, width), dtype=np.float32)
        cells = np.clip(np.floor(points), 0, (width - 1, height - 1))
        columns, rows = np.arange(width), np.arange(height)
        for person, kind in zip(*np.nonzero(drawn), strict=True):
            sigma = center_sigma[person] if kind == joints.shape[1] else joint_sigma[person]
            x, y = cells[person, kind]
            across = np.exp(-((columns - x) ** 2) / (2 * sigma**2))
            down = np.exp(-((rows - y) ** 2) / (2 * sigma**2))
            np.maximum(heatmaps[kind], np.outer(down, across), out=heatmaps[kind])
        return heatmaps

    def decode(self, encoded: dict) -> tuple[np.ndarray, np.ndarray]:
        """Poses of one image from its labels, the inverse of :meth:`encode` for round trips.

        Args:
            encoded: result of :meth:`encode`.

        Returns:
            keypoints [M x K x 2] in input pixels and visibility [M x K].
        """
        return encoded['joints'], encoded['joints_visible']

    def batch_decode(self, maps: MoveNetMaps, score_thr: float = 0.0) -> list[InstanceData]:
        """Poses of images of one size.

        Args:
            maps: of B images.
            score_thr: poses with a lower score are dropped.

        Returns:
            for each image InstanceData of P poses with numpy ``keypoints`` [P x K x 2] in input
            pixels, ``keypoint_scores`` [P x K], ``bbox_scores`` [P] (scores of the poses) and
            ``bboxes`` [P x 4] (x1, y1, x2, y2 of the joints).
        """
        cells = maps.center.shape[-2] * maps.center.shape[-1]
        poses = snap_to_joints(maps, min(self.max_people, cells))
        results = []
        for keypoints, scores, pose_scores, _, valid in zip(
            *(field.cpu().numpy() for field in poses), strict=True
        ):
            keypoints = keypoints[valid] * STRIDE
            results.append(pose_instances(keypoints, scores[valid], pose_scores[valid], score_thr))
        return results


def _areas(boxes: np.ndarray) -> np.ndarray:
    """[N x 4] (x1, y1, x2, y2) -> [N] areas, 0 for boxes with a negative side."""
    return np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(1)


def _boxes_of(keypoints: np.ndarray, visible: np.ndarray, bbox: np.ndarray | None) -> np.ndarray:
    """Boxes (x1, y1, x2, y2) [N x 4] from boxes, corners or the visible joints."""
    number = len(keypoints)
    if not number:
        return np.zeros((0, 4), dtype=np.float32)
    if bbox is not None:
        corners = np.asarray(bbox, dtype=np.float32).reshape(number, -1, 2)
        return np.concatenate([corners.min(1), corners.max(1)], axis=1)
    counted = (np.asarray(visible) > 0)[..., None]
    lowest = np.where(counted, keypoints, np.inf).min(1)
    highest = np.where(counted, keypoints, -np.inf).max(1)
    return np.nan_to_num(np.concatenate([lowest, highest], axis=1), posinf=0, neginf=0)
