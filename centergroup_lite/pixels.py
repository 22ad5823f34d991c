"""Any picture in memory as the array that models take: [h x w x 3] uint8, blue first."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from .errors import UserError

REMEDY = 'pass an array [h x w x 3] of uint8, blue first as OpenCV reads it, or a file'


def to_bgr(picture: Any, name: str = 'image') -> np.ndarray:
    """Convert what can be only one picture, and refuse everything else.

    ============================ ================================================================
    bytes                        the content of an image file
    PIL image                    converted, turned as its camera says
    [h x w], [h x w x 1]         gray
    [h x w x 4]                  blue, green, red, alpha; alpha is dropped
    uint8                        as it is
    other integers within 0..255 the same values
    uint16 above 255             all of its range: 65,535 is white, as OpenCV reads 16-bit files
    floats within 0..1           1 is white
    floats within 0..255         rounded
    ============================ ================================================================

    Args:
        picture: the picture.
        name: what to call it in a message.

    Returns:
        [h x w x 3] uint8, blue first; the array itself if it is one already.

    Raises:
        UserError: it is something else; the message says what.
    """
    if isinstance(picture, (bytes, bytearray)):
        return _decode(bytes(picture), name)
    if hasattr(picture, 'getexif') and hasattr(picture, 'convert'):
        from PIL import ImageOps  # it is a PIL image

        picture = np.asarray(ImageOps.exif_transpose(picture).convert('RGB'))[..., ::-1]
    if not isinstance(picture, np.ndarray):
        raise UserError(f'{name} is {_kind(picture)}: {REMEDY}')
    return _to_channels(_to_bytes(picture, name), name)


def _decode(content: bytes, name: str) -> np.ndarray:
    """Decode the content of an image file."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if image is None:
        raise UserError(f'{name} holds no image that can be read ({len(content):,} bytes)')
    return image


def _to_channels(image: np.ndarray, name: str) -> np.ndarray:
    """Bring a picture of bytes to three channels."""
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        turned = image.ndim == 3 and image.shape[0] in (1, 3, 4)
        hint = ', channels first: transpose it' if turned else ''
        raise UserError(f'{name} is an array {list(image.shape)}{hint}: {REMEDY}')
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def _to_bytes(image: np.ndarray, name: str) -> np.ndarray:
    """Bring the values of a picture to uint8."""
    if image.size == 0:
        raise UserError(f'{name} is an empty array {list(image.shape)}: {REMEDY}')
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind not in 'iuf':
        raise UserError(f'{name} is an array of {image.dtype}: {REMEDY}')
    if image.dtype.kind == 'f' and not np.isfinite(image).all():
        raise UserError(f'{name} has values that are not finite: {REMEDY}')
    low, high = float(image.min()), float(image.max())
    if image.dtype == np.uint16 and high > 255:
        return np.round(image / 257.0).astype(np.uint8)
    if low < 0 or high > 255:
        raise UserError(
            f'{name} is an array of {image.dtype}, its values {low:.4g} to {high:.4g}: {REMEDY}'
        )
    white = 1.0 if image.dtype.kind == 'f' and high <= 1 else 255.0
    return np.round(image * (255.0 / white)).astype(np.uint8)


def _kind(value: Any) -> str:
    """Name of what was passed, for a message."""
    kind = type(value)
    if value is None:
        return 'None'
    inside = '' if kind.__module__ == 'builtins' else f'{kind.__module__.split(".")[0]}.'
    return f'a {inside}{kind.__name__}'
