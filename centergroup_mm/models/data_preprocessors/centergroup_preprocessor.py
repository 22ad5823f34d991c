"""Normalisation and batching of images of several scales and sizes."""

from __future__ import annotations

from collections.abc import Sequence

from mmpose.models import PoseDataPreprocessor
from mmpose.registry import MODELS
from torch import Tensor

from .padded_images import PaddedImages


@MODELS.register_module()
class CenterGroupDataPreprocessor(PoseDataPreprocessor):
    """MMPose's ``PoseDataPreprocessor`` for test images of several scales and sizes.

    What it adds, at test only:

    - the scales of ``CenterGroupResize(aug_scales=...)``, which the parent cannot take, become
      a list of batches, as MMPose's estimator wants them for ``multiscale_test``;
    - images of different sizes come as ``PaddedImages``, so that each gives what it gives
      alone (``CenterGroupHead.predict`` reads every image's own part).

    Training, and one scale of images that have one size, are the parent's.

    Args:
        kwargs: as of ``PoseDataPreprocessor``.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise, pad right and below, and stack.

        Args:
            data: ``inputs``, B tensors [3 x h x w] or, for several scales, S lists of them,
                the original scale first; ``data_samples``.
            training: whether the batch is for training.

        Returns:
            ``inputs`` [B x 3 x H x W] or a list of S such tensors, and ``data_samples``.
        """
        inputs = data['inputs']
        if training or isinstance(inputs, Tensor):
            return super().forward(data, training)
        if not inputs or isinstance(inputs[0], Tensor):
            sizes = _sizes(inputs)
            data = super().forward(data, training)
            if len(set(sizes)) > 1:
                data['inputs'] = PaddedImages.wrap(data['inputs'], sizes)
            return data
        first, *others = inputs
        result = super().forward({**data, 'inputs': first}, training)
        batches = [result['inputs']]
        for images in others:
            other = super().forward(dict(inputs=images, data_samples=[]), training)
            batches.append(other['inputs'])
        result['inputs'] = [
            PaddedImages.wrap(batch, _sizes(images))
            for batch, images in zip(batches, inputs, strict=True)
        ]
        return result


def _sizes(images: Sequence[Tensor]) -> list[tuple[int, int]]:
    """(h, w) of every image."""
    return [tuple(image.shape[-2:]) for image in images]
