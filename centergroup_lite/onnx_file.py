"""Run a file that ``centergroup export`` wrote: ONNX Runtime, numpy and OpenCV are all it needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .errors import UserError
from .poses import Poses

#: how a tensor of an ONNX file says that its values are in another file: the key ``location``
EXTERNAL = b'\x0a\x08location\x12'

#: longest input as a multiple of its short side, as of the test pipeline: a longer image is scaled
#: by its long side instead
LONGEST = 4


def resize(
    image: np.ndarray, short_side: int, factor: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fit the short side, or the long one of very long images, and center the image in padding.

    Args:
        image: [h x w x 3] uint8.
        short_side: of the network input in pixels, rounded up to a multiple of ``factor``.
        factor: both sides of the network input are multiples of it.

    Returns:
        - the network input [H x W x 3] uint8
        - where the image lies in it, float32: x0, y0, x1, y1 in pixels of the network input
        - the scale and the shift, (x, y) each, from pixels of the image to pixels of the input
    """
    size = np.array(image.shape[1::-1])  # w, h
    short = -(-short_side // factor) * factor
    padded = np.full(2, short)
    if size.max() > LONGEST * size.min():
        padded[size.argmax()] = -(-LONGEST * short // factor) * factor
        ratio = padded.max() / size.max()
        padded[size.argmin()] = max(int(np.ceil(size.min() * ratio / factor)), 1) * factor
        covered = padded / ratio  # pixels of the image that the input shows
    else:
        if size[0] != size[1]:  # the other side drops a part of a pixel before it is rounded up
            exact = short / size.min() * size.max()
            padded[size.argmax()] = int((exact + factor - 1) // factor * factor)
        covered = padded / short * size.min()
    scale = padded / covered
    shift = padded / 2 - np.round(size / 2) * scale
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    ones = np.full(image.shape[:2], 255, np.uint8)
    warped, ones = (
        cv2.warpAffine(pixels, matrix, tuple(padded.tolist()), flags=cv2.INTER_LINEAR)
        for pixels in (image, ones)
    )
    ones = ones > 127
    x, y = np.flatnonzero(ones.any(0)), np.flatnonzero(ones.any(1))
    return warped, np.array([x[0], y[0], x[-1] + 1, y[-1] + 1], np.float32), scale, shift


def resize_long_side(
    image: np.ndarray, long_side: int, factor: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fit the long side, and pad the image with black right and below.

    Args:
        image: [h x w x 3] uint8.
        long_side: of the image in the network input, in pixels.
        factor: both sides of the network input are multiples of it.

    Returns:
        as of :func:`resize`.
    """
    size = np.array(image.shape[1::-1])  # w, h
    ratio = long_side / size.max()
    new = np.array([max(round(float(side) * ratio), 1) for side in size])
    interpolation = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, tuple(new.tolist()), interpolation=interpolation)
    right, below = (-new % factor).tolist()
    padded = cv2.copyMakeBorder(scaled, 0, below, 0, right, cv2.BORDER_CONSTANT)
    return padded, np.array([0, 0, *new], np.float32), new / size, np.zeros(2)


def fit(image: np.ndarray, info: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Resize an image as the metadata of the file ask for; see :func:`resize`."""
    if 'long_side' in info:
        return resize_long_side(image, info['long_side'], info['size_factor'])
    return resize(image, info['short_side'], info['size_factor'])


class OnnxPredictor:
    """An exported model.

    Args:
        path: the file.
        device: ``'cpu'``, ``'cuda'``, or ``'auto'``: the GPU if this onnxruntime can use one.

    Raises:
        UserError: onnxruntime is missing or cannot use the device, or the file is not there or not
            one of ``centergroup export``.
    """

    def __init__(self, path: str | Path, device: str = 'cpu') -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise UserError('onnxruntime is missing: pip install onnxruntime') from error
        if not Path(path).is_file():
            raise UserError(f'{path} not found: write it with centergroup export')
        if EXTERNAL in Path(path).read_bytes():
            raise UserError(
                f'{path} takes values from other files, which could be any: files of centergroup '
                'export hold all of their own'
            )
        kind, _, number = device.partition(':')
        if kind == 'auto':
            kind = 'cuda' if 'CUDAExecutionProvider' in providers(onnxruntime) else 'cpu'
        provider = f'{kind.upper()}ExecutionProvider'
        if provider not in providers(onnxruntime):
            raise UserError(f'--device {device}: this onnxruntime has no {provider}')
        options = {'device_id': number} if number else {}
        try:
            self.session = onnxruntime.InferenceSession(str(path), providers=[(provider, options)])
            metadata = self.session.get_modelmeta().custom_metadata_map['centergroup_mm']
            self.info: dict[str, Any] = json.loads(metadata)
        except Exception as error:  # onnxruntime has a class for each kind of damage
            raise UserError(f'{path} is not a file of centergroup export') from error
        check_info(self.info, path)
        self.joints: list[str] = self.info['joints']
        self.skeleton: list[list[int]] = self.info['skeleton']

    def find(self, image: np.ndarray) -> Poses:
        """Find all people in an image [H x W x 3] uint8, BGR."""
        warped, content, scale, shift = fit(image, self.info)
        inputs = {'image': warped[None], 'content': content[None]}
        points, visible, scores, valid = (field[0] for field in self.session.run(None, inputs))
        if not np.isfinite(scores).all():
            raise UserError('the model gives values that are not finite')
        points = (points - shift) / scale
        return Poses(points[valid], visible[valid], scores[valid])


def check_info(info: Any, path: str | Path) -> None:
    """Raise a UserError if the metadata of an ONNX file lack what the runner reads.

    Args:
        info: the metadata, as read from JSON.
        path: of the file, for the message.
    """
    size = 'long_side' if isinstance(info, dict) and 'long_side' in info else 'short_side'
    for key, fits in ((size, _is_size), ('size_factor', _is_size), ('joints', _are_names)):
        if not isinstance(info, dict) or not fits(info.get(key)):
            raise UserError(
                f'{path}: {key} of its metadata is missing or wrong: write the file again with '
                'centergroup export'
            )
    number = len(info['joints'])
    if not _are_pairs(info.get('skeleton'), number):
        raise UserError(
            f'{path}: skeleton of its metadata is missing or wrong: it has to be a list of pairs '
            f'of numbers below {number}; write the file again with centergroup export'
        )


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(x, str) for x in value)


def _are_pairs(value: Any, number: int) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(type(end) is int and 0 <= end < number for end in pair)
        for pair in value
    )


def providers(onnxruntime: Any) -> list[str]:
    """Return the devices that an onnxruntime can use, by its own names."""
    return onnxruntime.get_available_providers()
