"""A cache of a frozen detector's proposals, with which the grouping is trained in minutes.

A frozen detector predicts the same in every epoch. Running it is almost all of the work of a
training step, and the grouping reads its maps at a few hundred points only. The proposals of each
augmented view of an image are therefore computed once and kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..models.grouping.point_proposals import CenterPeaks, KeypointPeaks
from ..models.grouping.point_tokens import PointFeatures
from ..models.grouping.pose_similarity import AREA_OF_BOX
from ..models.losses.point_grouping_loss import Persons


class View(NamedTuple):
    """One augmented image as the grouping sees it, or a batch of them; see the fields' classes.

    Fields of one image have no batch axis, and its features are float16.
    """

    features: PointFeatures
    keypoints: KeypointPeaks
    centers: CenterPeaks
    persons: Persons


@torch.no_grad()
def view_of(model: nn.Module, results: dict) -> View:
    """Run the detector of a model on one augmented image.

    Args:
        model: pose estimator with a ``PointCenterGroupHead``.
        results: of a training pipeline, with ``img`` (h x w x 3, BGR), ``keypoints`` [N x K x 2],
            ``keypoints_visible`` [N x K] and ``bbox`` [N x 4] in its pixels.
    """
    head = model.head
    image = torch.from_numpy(np.ascontiguousarray(results['img'].transpose(2, 0, 1)))
    inputs = model.data_preprocessor(dict(inputs=[image], data_samples=[]))['inputs']
    feats = model.extract_feat(inputs)
    features, keypoints, centers = head.read(feats, head.detector.detect(feats))
    sizes = torch.as_tensor(results['bbox'][:, 2:] - results['bbox'][:, :2]) / head.stride
    persons = Persons(
        torch.as_tensor(results['keypoints']).float() / head.stride,
        torch.as_tensor(results['keypoints_visible']) > 0,
        AREA_OF_BOX * sizes.float().prod(-1),
    )
    features = PointFeatures(*(x[0].clamp(-6e4, 6e4).half() for x in features))
    keypoints = KeypointPeaks(*(x[0] for x in keypoints))
    return View(features, keypoints, CenterPeaks(*(x[0] for x in centers)), persons)


def cache_views(
    model: nn.Module,
    dataset: Sequence[dict],
    num_views: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[View]:
    """Run the detector on several views of every image of a dataset.

    Args:
        model: as of :func:`view_of`.
        dataset: gives ``results`` of :func:`view_of`, augmented anew each time.
        num_views: views of each image.
        report: called after each view with how many are done and how many there will be.
    """
    model.eval()
    total = num_views * len(dataset)
    views = []
    for index in range(total):
        views.append(view_of(model, dataset[index % len(dataset)]))
        report(index + 1, total)
    return views


def stack_views(views: Sequence[View], num_centers: int | None = None) -> View:
    """A batch of views; persons are padded, features become float32.

    Args:
        views: of single images.
        num_centers: keep this many of the best centers.
    """
    features = PointFeatures(*map(torch.stack, zip(*(v.features for v in views), strict=True)))
    keypoints = KeypointPeaks(*map(torch.stack, zip(*(v.keypoints for v in views), strict=True)))
    centers = CenterPeaks(*map(torch.stack, zip(*(v.centers for v in views), strict=True)))
    features = features._replace(
        centers=features.centers[:, :num_centers], regressed=features.regressed[:, :num_centers]
    )
    return View(
        PointFeatures(*(x.float() for x in features)),
        keypoints,
        CenterPeaks(*(x[:, :num_centers] for x in centers)),
        Persons(*map(_pad, zip(*(v.persons for v in views), strict=True))),
    )


def _pad(values: Sequence[Tensor]) -> Tensor:
    """Stack tensors that differ in their first axis, zeros behind; at least one entry."""
    most = max(1, *(len(value) for value in values))
    padded = values[0].new_zeros(len(values), most, *values[0].shape[1:])
    for row, value in zip(padded, values, strict=True):
        row[: len(value)] = value
    return padded
