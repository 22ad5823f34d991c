"""Poses drawn on images, one color for each person."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from .files import write_whole


def person_color(index: int) -> tuple[int, int, int]:
    """A color (blue, green, red) unlike that of neighboring indices."""
    # The golden ratio spreads any number of hues evenly.
    red, green, blue = colorsys.hsv_to_rgb((0.05 + 0.618034 * index) % 1.0, 0.85, 1.0)
    return int(blue * 255), int(green * 255), int(red * 255)


def write_image(path: str | Path, image: np.ndarray, options: Sequence[int] = ()) -> None:
    """Write an image whole or not at all; OpenCV alone does not look whether the disk took it.

    Args:
        path: its ending names the format.
        image: [H x W x 3] uint8, BGR.
        options: of ``cv2.imencode``.

    Raises:
        UserError: it cannot be written.
    """
    with write_whole(path) as partial:
        try:
            encoded, data = cv2.imencode(Path(path).suffix, image, list(options))
        except cv2.error as error:
            raise OSError(f'OpenCV cannot encode it: {error.err}') from error
        if not encoded:  # such as more pixels than the format has
            raise OSError('OpenCV cannot encode it')
        partial.write_bytes(data.tobytes())


def draw_poses(
    image: np.ndarray,
    keypoints: np.ndarray,
    visible: np.ndarray,
    skeleton: Sequence[tuple[int, int]],
    title: str = '',
    scale: float = 2.0,
) -> np.ndarray:
    """Draw skeletons on an enlarged copy of an image.

    Args:
        image: [H x W x 3] uint8, BGR.
        keypoints: [P x K x 2] (x, y) in pixels of ``image``.
        visible: [P x K] bool, joints to draw.
        skeleton: pairs of joints that a bone connects.
        title: text at the top left.
        scale: enlargement.

    Returns:
        [scale H x scale W x 3] uint8.
    """
    canvas = scaled(image, scale, cv2.INTER_CUBIC)
    width = max(1, round(min(canvas.shape[:2]) / 200))
    for index, (points, shown) in enumerate(zip(keypoints * scale, visible, strict=True)):
        color = person_color(index)
        spots = [tuple(round(float(v)) for v in point) for point in points]
        for start, end in skeleton:
            if shown[start] and shown[end]:
                cv2.line(canvas, spots[start], spots[end], (0, 0, 0), width + 2, cv2.LINE_AA)
                cv2.line(canvas, spots[start], spots[end], color, width, cv2.LINE_AA)
        for spot, show in zip(spots, shown, strict=True):
            if show:
                cv2.circle(canvas, spot, width + 2, (0, 0, 0), -1, cv2.LINE_AA)
                cv2.circle(canvas, spot, width + 1, color, -1, cv2.LINE_AA)
    if title:
        for color, stroke in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(
                canvas, title, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, color, stroke, cv2.LINE_AA
            )
    return canvas


def scaled(image: np.ndarray, scale: float, interpolation: int) -> np.ndarray:
    """Scale an image, so that both sides keep at least one pixel.

    Args:
        image: [H x W x 3] uint8.
        scale: of both sides.
        interpolation: OpenCV's number of it.
    """
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=interpolation)


def montage(images: Sequence[np.ndarray], columns: int, gap: int = 6) -> np.ndarray:
    """Arrange images on a white sheet, in cells as large as the largest of them.

    Args:
        images: [H x W x 3] uint8 each.
        columns: images in a row.
        gap: pixels between them.
    """
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    rows = -(-len(images) // columns)
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, dtype=np.uint8
    )
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        high, wide = image.shape[:2]
        sheet[top : top + high, left : left + wide] = image
    return sheet
