"""Normalization and batching of images of several scales."""

from __future__ import annotations

from mmpose.models import PoseDataPreprocessor
from mmpose.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class CenterGroupDataPreprocessor(PoseDataPreprocessor):
    """MMPose's ``PoseDataPreprocessor`` that also takes test images at several scales.

    Resizing with ``aug_scales`` gives a list of images, one for each scale.  The parent cannot
    take them; here they become a list of batches, as ``multiscale_test`` wants them, and the
    meta ``scale_shapes`` of each data sample says the (h, w) of its image at every scale, which
    ``MixedSizePoseEstimator`` reads.

    Training, and testing at one scale, are unchanged.

    Args:
        kwargs: as of ``PoseDataPreprocessor``.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalize, pad right and below, and stack.

        Args:
            data: ``inputs``, B tensors [3 x h x w] or, for several scales, S lists of them,
                the original scale first; ``data_samples``.
            training: whether the batch is for training.

        Returns:
            ``inputs`` [B x 3 x H x W] or a list of S such tensors, and ``data_samples``.
        """
        scales = data['inputs']
        if training or isinstance(scales, Tensor) or not scales or isinstance(scales[0], Tensor):
            return super().forward(data, training)
        batches = []
        result = super().forward({**data, 'inputs': scales[0]}, training)
        for images in scales[1:]:
            other = super().forward(dict(inputs=images, data_samples=[]), training)
            batches.append(other['inputs'])
        result['inputs'] = [result['inputs'], *batches]
        for sample, images in zip(result['data_samples'], zip(*scales, strict=True), strict=True):
            shapes = [tuple(image.shape[-2:]) for image in images]
            sample.set_metainfo(dict(scale_shapes=shapes))
        return result
