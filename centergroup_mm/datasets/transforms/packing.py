"""Packing of images that come in several scales."""

from __future__ import annotations

from mmpose.datasets.transforms import PackPoseInputs
from mmpose.datasets.transforms.formatting import image_to_tensor
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackMultiScaleInputs(PackPoseInputs):
    """MMPose's ``PackPoseInputs`` for one or several scales of an image.

    The parent stacks a list of images, which fails if their sizes differ.

    Required keys: as of the parent; ``img`` may be a list of images, with ``aug_scales``, the
    scales of all but the first of them.

    Args:
        kwargs: arguments of ``PackPoseInputs``; ``aug_scales`` is added to the ``meta_keys``
            because MMPose's estimator reads it.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        if 'aug_scales' not in self.meta_keys:
            self.meta_keys = (*self.meta_keys, 'aug_scales')

    def transform(self, results: dict) -> dict:
        """Pack everything.

        Returns:
            ``inputs``, [3 x h x w] uint8 or a list of such tensors, one for each scale, and
            ``data_samples``.

        Raises:
            ValueError: there is not one image for the original scale and each of
                ``aug_scales``.
        """
        images = results['img']
        if not isinstance(images, list):
            return super().transform(results)
        scales = results.get('aug_scales') or []
        if len(images) != len(scales) + 1:
            raise ValueError(
                f'{len(images)} images but aug_scales {scales}: one for scale 1 and one for '
                'each of aug_scales are needed'
            )
        packed = super().transform({**results, 'img': images[0]})
        packed['inputs'] = [packed['inputs'], *map(image_to_tensor, images[1:])]
        return packed
