"""Reading of images, from files and from memory."""

from __future__ import annotations

import os
from pathlib import Path

from mmcv.image import imfrombytes
from mmengine import fileio
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from centergroup_lite.image_files import fault_of, fault_of_path
from centergroup_lite.pixels import to_bgr

from ...utils.errors import UserError


@TRANSFORMS.register_module()
class LoadPoseImage(LoadImage):
    """MMPose's ``LoadImage`` that takes every picture which can be only one, and no other.

    ``LoadImage`` hands arrays on as they are, whatever their values mean: from 16-bit pictures
    models then predict confident poses in the wrong places, and none at all from floats between 0
    and 1. Here they become [h x w x 3] uint8, see :func:`centergroup_lite.pixels.to_bgr`.

    Files that are cut off, which OpenCV fills up with gray, are refused too, and files whose size
    is another than the annotation file says, because joints would then be in other places.

    Required keys: ``img``, a picture in memory or the path of a file, or else ``img_path``; with
    ``stated_size`` (w, h) of the annotation file it is compared.

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
        path = str(results['img_path'])
        fault = '' if '://' in path else fault_of_path(Path(path))
        if not fault:
            try:
                content = fileio.get(path, backend_args=self.backend_args)
                fault = fault_of(content)
                results['img'] = fault or imfrombytes(
                    content, flag=self.color_type, backend=self.imdecode_backend
                )
            except Exception:  # of a file backend or a decoder, each with classes of its own
                fault = 'is damaged or of another kind'
        if not fault and results['img'] is None:
            fault = 'is damaged or of another kind'
        if fault:
            raise UserError(f'{path} cannot be read as an image: it {fault}')
        _compare_sizes(path, results['img'].shape[1::-1], results.get('stated_size'))
        return super().transform(results)


def _compare_sizes(path: str, size: tuple[int, int], stated: tuple[float, float] | None) -> None:
    """Raise a UserError if an image (w, h) is not as large as its annotations say."""
    if stated is not None and tuple(size) != tuple(stated):
        raise UserError(
            f'{path} is {size[0]}x{size[1]} pixels, and its annotation file says '
            f'{stated[0]:g}x{stated[1]:g}: the joints would be in other places; `centergroup data '
            'check FILE --images FOLDER --sizes` lists all such images'
        )
