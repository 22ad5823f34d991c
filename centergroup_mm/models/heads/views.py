"""What goes into a bottom-up head at test time and what comes out, beside the poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from ..grouping.explanation import Explanation

#: poses of each image; with ``output_heatmaps`` also the heatmaps of each image
Predictions = list[InstanceData] | tuple[list[InstanceData], list[PixelData]]


class ImageViews(NamedTuple):
    """The features of a test batch, all images of one size.

    ============ ======================== ====================================================
    features     S tuples of              for each scale, the original first, the levels that
                 [V B x C x h x w]        backbone and neck give; V = 2 with flip test, first
                                          all images and then all mirrored images
    flip_indices [K] int64 or None        mirror keypoint of every keypoint, with flip test
    metas        B dicts                  of the data samples
    ============ ======================== ====================================================
    """

    features: list[tuple[Tensor, ...]]
    flip_indices: Tensor | None
    metas: list[dict]


def read_views(feats: Sequence, batch_data_samples: Sequence, test_cfg: dict | None) -> ImageViews:
    """Sort the arguments that MMPose's bottom-up estimator passes to ``head.predict``.

    Args:
        feats: levels of features; with ``flip_test`` a pair of them, those of the mirrored
            images second; with ``multiscale_test`` a list of such entries.
        batch_data_samples: with ``input_size`` and, for flip test, ``flip_indices`` in their
            metadata.
        test_cfg: may hold ``flip_test`` and ``multiscale_test``.

    Raises:
        ValueError: the images differ in size.
    """
    test_cfg = test_cfg or {}
    flip_test = bool(test_cfg.get('flip_test', False))
    scales = feats if test_cfg.get('multiscale_test', False) else [feats]
    features = []
    for views in scales:
        views = views if flip_test else [views]
        features.append(tuple(map(torch.cat, zip(*views, strict=True))) if flip_test else views[0])
    metas = [sample.metainfo for sample in batch_data_samples]
    check_one_size(metas)
    flip_indices = None
    if flip_test:
        flip_indices = torch.as_tensor(metas[0]['flip_indices'], device=features[0][-1].device)
    return ImageViews([tuple(levels) for levels in features], flip_indices, metas)


def check_one_size(metas: Sequence[dict]) -> None:
    """Raise a ValueError if the images of a batch differ in size.

    Smaller images would be padded to the largest, and what a network computes near the border of
    an image would depend on the other images of its batch.
    """
    sizes = {
        tuple(int(side) for side in meta['input_size']) for meta in metas if 'input_size' in meta
    }
    if len(sizes) > 1:
        listed = ', '.join(f'{width}x{height}' for width, height in sorted(sizes))
        raise ValueError(
            f'the images of a batch differ in size ({listed}): set '
            "model.type='MixedSizePoseEstimator', which runs each size by itself, or batch_size=1"
        )


def check_finite(maps: Tensor, metas: Sequence[dict]) -> None:
    """Raise a ValueError that names the image if maps [B x T x H x W] hold NaN or infinity.

    Minimum and maximum propagate NaN, and are ten times as fast as ``isfinite`` of every pixel.
    """
    axes = tuple(range(1, maps.dim()))
    finite = torch.isfinite(maps.amax(axes)) & torch.isfinite(maps.amin(axes))
    if not finite.all():
        meta = metas[int(finite.int().argmin())]
        raise ValueError(
            f'the heatmaps of {meta.get("img_path", "an image")} are not finite: '
            'the checkpoint or the image holds NaN or infinite values'
        )


def wants(test_cfg: dict | None, key: str) -> bool:
    """Say whether the test config switches something on; nothing is by default."""
    return bool((test_cfg or {}).get(key, False))


def hand_out(
    instances: list[InstanceData],
    batch_data_samples: Sequence,
    test_cfg: dict | None,
    heatmaps: Tensor | Sequence[Tensor] | None = None,
    explanation: Explanation | None = None,
) -> Predictions:
    """Poses, and what the test config asks for besides.

    Args:
        instances: poses of each image.
        batch_data_samples: get the ``explanation`` of their image, in pixels of the original image,
            as the metadata ``attention``. MMPose keeps metadata wherever it copies samples.
        test_cfg: with ``output_heatmaps`` the heatmaps are returned.
        heatmaps: B of [T x h x w], which cover the network input.
        explanation: of the batch, collected with ``output_attention``.
    """
    if explanation is not None:
        for i, sample in enumerate(batch_data_samples):
            sample.set_metainfo(dict(attention=explanation.of_image(i, sample.metainfo)))
    if heatmaps is None or not wants(test_cfg, 'output_heatmaps'):
        return instances
    return instances, [PixelData(heatmaps=maps.detach().float().cpu()) for maps in heatmaps]
