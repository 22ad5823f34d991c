"""Reading of images, from files and from memory."""

from __future__ import annotations

import os

from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from centergroup_lite.pixels import to_bgr

from ...utils.errors import UserError


@TRANSFORMS.register_module()
class LoadPoseImage(LoadImage):
    """MMPose's ``LoadImage`` that takes every picture which can be only one, and no other.

    ``LoadImage`` hands arrays on as they are, whatever their values mean: from 16-bit pictures
    models then predict confident poses in the wrong places, and none at all from floats between 0
    and 1. Here they become [h x w x 3] uint8, see :func:`centergroup_lite.pixels.to_bgr`.

    Required keys: ``img``, a picture in memory or the path of a file, or else ``img_path``.

    Changed and added keys: ``img`` [h x w x 3] uint8, blue first, ``img_shape`` and ``ori_shape``
    (h, w), ``img_path`` (None for a picture in memory).

    Args:
        kwargs: arguments of ``LoadImage``.
    """

    def transform(self, results: dict) -> dict | None:
        """Load the image.

        Raises:
            UserError: the file cannot be read, or what is given is no picture.
        """
        if isinstance(results.get('img'), (str, os.PathLike)):
            results['img_path'] = os.fspath(results.pop('img'))
        if 'img' in results:
            results['img'] = to_bgr(results['img'])
            return super().transform(results)
        path = results['img_path']
        try:
            loaded = super().transform(results)
        except Exception as error:  # of a file backend or a decoder, with arguments of its own kind
            raise UserError(f'{path} cannot be read as an image{_reason(path)}') from error
        return loaded


def _reason(path: str) -> str:
    """Why a local file cannot be read, as far as that is known."""
    if '://' in str(path):
        return ''
    if not os.path.exists(path):
        return ': there is no such file'
    if not os.path.isfile(path):
        return ': it is no file'
    return ': it is empty' if os.path.getsize(path) == 0 else ': it is damaged or of another kind'
