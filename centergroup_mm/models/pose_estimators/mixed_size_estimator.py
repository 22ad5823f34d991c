"""MMPose's bottom-up estimator for test batches of images of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmpose.models.pose_estimators import BottomupPoseEstimator
from mmpose.registry import MODELS
from torch import Tensor

#: (h, w) of an image at every test scale
Shapes = tuple[tuple[int, int], ...]


@MODELS.register_module()
class MixedSizePoseEstimator(BottomupPoseEstimator):
    """A ``BottomupPoseEstimator`` that runs the images of each size by themselves.

    A batch holds images padded right and below to the largest of them.  What a network computes
    near the border of a smaller image depends on that padding, and so on the other images of the
    batch. Here backbone, neck and head see the images of each size without the padding, so that a
    batch gives the same result as its images one by one, for every network.

    It also takes the scales of a multi-scale test as a list, each of which may have images of
    different sizes. MMPose's estimator stacks them, which fails.

    Training is unchanged, because training crops have one size.

    Args:
        one_by_one: run every image by itself at test time. Otherwise images of one size share a
            batch, for which libraries may add up numbers in another order than for one image, so
            that results differ by float rounding, about 1e-6.
        kwargs: as of ``BottomupPoseEstimator``.
    """

    def __init__(self, *args: Any, one_by_one: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.one_by_one = one_by_one

    def forward(
        self,
        inputs: Tensor | list[Tensor],
        data_samples: Sequence | None = None,
        mode: str = 'tensor',
    ) -> dict | list | tuple | Tensor:
        """As the parent's; a list of scales is taken for prediction.

        Args:
            inputs: [B x 3 x H x W], or a list of such batches, the original scale first.
            data_samples: of the B images.
            mode: 'loss', 'predict' or 'tensor'.
        """
        if mode == 'predict' and isinstance(inputs, (list, tuple)):
            if self.metainfo is not None:
                for sample in data_samples:
                    sample.set_metainfo(self.metainfo)
            return self.predict(list(inputs), data_samples)
        return super().forward(inputs, data_samples, mode)

    def predict(self, inputs: Tensor | list[Tensor], data_samples: Sequence) -> Sequence:
        """Predict the images of each size by themselves.

        Args:
            inputs: [B x 3 x H x W], or a list of such batches with ``multiscale_test``.
            data_samples: of the B images, with metas ``scale_shapes`` (of several scales, set by
                ``CenterGroupDataPreprocessor``) or ``input_size`` [w, h].

        Returns:
            the data samples in their order, with ``pred_instances`` in pixels of the original
            images.
        """
        scales = inputs if isinstance(inputs, list) else [inputs]
        canvases = tuple(tuple(batch.shape[-2:]) for batch in scales)
        for shapes, members in self._batches(data_samples, canvases):
            samples = [data_samples[index] for index in members]
            own = scales
            if len(members) < len(data_samples) or shapes != canvases:
                own = [
                    batch[members, :, :height, :width]
                    for batch, (height, width) in zip(scales, shapes, strict=True)
                ]
            super().predict(own if isinstance(inputs, list) else own[0], samples)
        return data_samples

    def _batches(self, data_samples: Sequence, canvases: Shapes) -> list[tuple[Shapes, list[int]]]:
        """Group the images of a batch by their size at every scale, in order of appearance."""
        groups: dict[Shapes, list[int]] = {}
        for index, sample in enumerate(data_samples):
            shapes = sample.metainfo.get('scale_shapes')
            if shapes is None:
                width, height = sample.metainfo.get('input_size', canvases[0][::-1])
                shapes = [(int(height), int(width))] if len(canvases) == 1 else canvases
            own = tuple(
                (min(shape[0], canvas[0]), min(shape[1], canvas[1]))
                for shape, canvas in zip(shapes, canvases, strict=True)
            )
            groups.setdefault(own, []).append(index)
        if not self.one_by_one:
            return list(groups.items())
        return [(shapes, [index]) for shapes, members in groups.items() for index in members]
