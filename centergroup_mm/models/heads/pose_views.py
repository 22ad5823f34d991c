"""Poses of several views of an image, mirrored or at other scales, as poses of the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from ...utils.instances import pose_instances
from ..grouping import Poses
from ..grouping.pose_fusion import fuse_poses


def mirror_back(poses: Poses, flip_indices: Tensor, width: int) -> Poses:
    """Poses of mirrored images as poses of the images.

    Args:
        poses: in pixels of the mirrored input.
        flip_indices: [K] mirror keypoint of every keypoint.
        width: of the input in pixels.
    """
    keypoints = poses.keypoints[:, :, flip_indices]
    x, y = keypoints.unbind(-1)
    return poses._replace(
        keypoints=torch.stack([width - x, y], -1),
        keypoint_scores=poses.keypoint_scores[:, :, flip_indices],
    )


def to_first_scale(poses: Poses, metas: Sequence[dict], scale: int) -> Poses:
    """Poses in pixels of the input at the original scale.

    Args:
        poses: in pixels of the input at another scale.
        metas: with ``scale_factors``, for every scale the (x, y) pixels of the input for each
            pixel of the image; needed beyond the first scale.
        scale: number of the scale.

    Raises:
        ValueError: the metadata lack ``scale_factors``.
    """
    if scale == 0:
        return poses
    if any('scale_factors' not in meta for meta in metas):
        raise ValueError(
            'multiscale_test needs the meta scale_factors: resize with ResizeLongSide and name '
            "'scale_factors' in the meta_keys of PackPoseInputs"
        )
    ratios = np.stack(
        [np.asarray(m['scale_factors'][0]) / np.asarray(m['scale_factors'][scale]) for m in metas]
    )
    ratio = poses.keypoints.new_tensor(ratios)[:, None, None]
    return poses._replace(keypoints=poses.keypoints * ratio)


def to_instances(
    views: Sequence[Poses], sigmas: Tensor, fuse_oks: float, score_thr: float
) -> InstanceData:
    """Merge the views of one image and hand its poses to MMPose, the best first.

    Args:
        views: poses of each view in pixels of the input at the original scale, the fields
            without the batch axis.
        sigmas: [K] the dataset's keypoint standard deviations.
        fuse_oks: poses of several views with a higher OKS to each other are one person.
        score_thr: poses with a lower score are left out.
    """
    if len(views) > 1:
        parts = [[field[poses.valid] for field in poses[:3]] for poses in views]
        index = [torch.full((len(p[2]),), i, dtype=torch.long) for i, p in enumerate(parts)]
        keypoints, keypoint_scores, scores = (torch.cat(part) for part in zip(*parts, strict=True))
        keypoints, keypoint_scores, scores = fuse_poses(
            keypoints,
            keypoint_scores,
            scores,
            torch.cat(index).to(scores.device),
            len(views),
            sigmas,
            fuse_oks,
        )
    else:
        order = views[0].scores.argsort(descending=True, stable=True)
        order = order[views[0].valid[order]]
        keypoints, keypoint_scores, scores = (field[order] for field in views[0][:3])
    arrays = (x.detach().cpu().numpy() for x in (keypoints, keypoint_scores, scores))
    return pose_instances(*arrays, score_thr)
