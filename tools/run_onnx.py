"""Find people with an exported CenterGroup model: onnxruntime, numpy and OpenCV are all it needs.

    python tools/run_onnx.py model.onnx photo.jpg              # -> poses/photo.json, photo.jpg
    python tools/run_onnx.py model.onnx FOLDER --out results   # all images of a folder
    python tools/run_onnx.py model.onnx clip.mp4               # -> poses/clip.json, clip.mp4

The JSON of an image is {"image", "width", "height", "joints", "poses"}, that of a video
{"video", ..., "frames": [{"poses"}, ...]}; a pose is {"score", "keypoints": [[x, y, visibility],
...]} in pixels of the image. Make model.onnx with tools/export_onnx.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')  # broken files are reported below
import cv2
import numpy as np
import onnxruntime

IMAGES = {'.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff'}
VIDEOS = {'.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v'}


def resize(
    image: np.ndarray, short_side: int, factor: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fit the short side, and center the image in a padded network input.

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
    if size[0] != size[1]:  # the other side drops a part of a pixel before it is rounded up
        exact = short / size.min() * size.max()
        padded[size.argmax()] = int((exact + factor - 1) // factor * factor)
    covered = padded / short * size.min()  # pixels of the image that the input shows
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


def find_poses(
    session: onnxruntime.InferenceSession, info: dict, image: np.ndarray, threshold: float
) -> list[dict]:
    """Poses of one image with at least this score, in its own pixels, best score first."""
    warped, content, scale, shift = fit(image, info)
    points, visible, scores, valid = (
        field[0] for field in session.run(None, {'image': warped[None], 'content': content[None]})
    )
    if not np.isfinite(scores).all():
        raise ValueError('the model gives values that are not finite')
    chosen = [i for i in np.argsort(-scores, kind='stable') if valid[i] and scores[i] >= threshold]
    table = np.concatenate([(points - shift) / scale, visible[..., None]], axis=-1)
    return [
        {'score': float(scores[i]), 'keypoints': np.round(table[i], 4).tolist()} for i in chosen
    ]


def draw(image: np.ndarray, poses: list[dict], skeleton: list, visible: float = 0.3) -> np.ndarray:
    """The image with a skeleton for each pose."""
    image, width = image.copy(), max(1, round(min(image.shape[:2]) / 200))
    for index, pose in enumerate(poses):
        hue = np.uint8([[[(index * 111 + 5) % 180, 220, 255]]])
        color = tuple(int(v) for v in cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0])
        spots = [tuple(round(v) for v in point[:2]) for point in pose['keypoints']]
        shown = [point[2] >= visible for point in pose['keypoints']]
        for a, b in skeleton:
            if shown[a] and shown[b]:
                cv2.line(image, spots[a], spots[b], color, width, cv2.LINE_AA)
        for spot in (s for s, show in zip(spots, shown, strict=True) if show):
            cv2.circle(image, spot, width + 1, color, -1, cv2.LINE_AA)
    return image


def run_image(
    path: Path, out: Path, session: onnxruntime.InferenceSession, info: dict, threshold: float
) -> None:
    """Write the poses of one image, and the image with the poses drawn."""
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f'{path} is not a readable image')
    poses = find_poses(session, info, image, threshold)
    height, width = image.shape[:2]
    result = {'image': path.name, 'width': width, 'height': height, 'joints': info['joints']}
    (out / f'{path.stem}.json').write_text(json.dumps({**result, 'poses': poses}))
    cv2.imwrite(str(out / f'{path.stem}.jpg'), draw(image, poses, info['skeleton']))


def run_video(
    path: Path, out: Path, session: onnxruntime.InferenceSession, info: dict, threshold: float
) -> None:
    """Write the poses of all frames, and the video with the poses drawn."""
    video = cv2.VideoCapture(str(path))
    rate, frames, writer = video.get(cv2.CAP_PROP_FPS) or 25.0, [], None
    while True:
        found, image = video.read()
        if not found:
            break
        if writer is None:
            size = image.shape[1::-1]
            code = cv2.VideoWriter_fourcc(*'mp4v')
            writer = cv2.VideoWriter(str(out / f'{path.stem}.mp4'), code, rate, size)
        frames.append({'poses': find_poses(session, info, image, threshold)})
        writer.write(draw(image, frames[-1]['poses'], info['skeleton']))
        print(f'\rframe {len(frames)}', end='', file=sys.stderr)
    if writer is None:
        raise ValueError(f'{path} is not a readable video')
    print(file=sys.stderr)
    writer.release()
    result = {'video': path.name, 'width': size[0], 'height': size[1], 'joints': info['joints']}
    (out / f'{path.stem}.json').write_text(json.dumps({**result, 'frames': frames}))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', type=Path, help='ONNX file')
    parser.add_argument('input', type=Path, help='image, folder of images, or video')
    parser.add_argument('--out', type=Path, default=Path('poses'), help='default: %(default)s')
    parser.add_argument('--score-thr', type=float, default=0.3, help='of poses, default 0.3')
    parser.add_argument('--overwrite', action='store_true', help='replace results in OUT')
    parser.add_argument('--force', dest='overwrite', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--cuda', action='store_true', help='run on a GPU (onnxruntime-gpu)')
    return parser.parse_args()


def list_inputs(source: Path) -> list[Path]:
    """The images of a folder in the order of their names, or the one file that is named."""
    if not source.is_dir():
        return [source]
    inputs = [path for path in sorted(source.iterdir()) if path.suffix.lower() in IMAGES]
    if not inputs:
        raise ValueError(f'{source} holds no images')
    stems = [path.stem for path in inputs]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise ValueError(f'{source} holds several images called {twice}')
    return inputs


def check_output(inputs: list[Path], out: Path, overwrite: bool) -> None:
    """Raise a ValueError if results would replace the input or, unasked, other results."""
    if out.resolve() == inputs[0].resolve().parent:
        raise ValueError(f'{out} is where the input lies: name another folder with --out')
    present = [path for path in (out / f'{source.stem}.json' for source in inputs) if path.exists()]
    if present and not overwrite:
        raise ValueError(f'{present[0]} exists: choose another --out or pass --overwrite')


def open_model(path: Path, cuda: bool) -> tuple[onnxruntime.InferenceSession, dict]:
    """Open an exported file; its metadata tell how to prepare images and to read poses."""
    provider = 'CUDAExecutionProvider' if cuda else 'CPUExecutionProvider'
    if provider not in onnxruntime.get_available_providers():
        raise ValueError(f'this onnxruntime has no {provider}')
    try:
        session = onnxruntime.InferenceSession(str(path), providers=[provider])
        return session, json.loads(session.get_modelmeta().custom_metadata_map['centergroup_mm'])
    except Exception as error:  # onnxruntime has a class for each kind of damage
        raise ValueError(f'{path} is not a file of tools/export_onnx.py') from error


def run_all(inputs: list[Path], args: argparse.Namespace) -> int:
    """Run on every input; those that fail are named, and the others are done all the same.

    Returns:
        the exit status: 0, or 2 if an input failed.
    """
    session, info = open_model(args.model, args.cuda)
    args.out.mkdir(parents=True, exist_ok=True)
    status = 0
    for number, path in enumerate(inputs, 1):
        run = run_video if path.suffix.lower() in VIDEOS else run_image
        try:
            run(path, args.out, session, info, args.score_thr)
            print(f'{number} of {len(inputs)}: {args.out / path.stem}.json')
        except ValueError as error:
            print(f'error: {error}', file=sys.stderr)
            status = 2
    return status


def main() -> int:
    """Run on everything that is named; returns the exit status."""
    args = parse_args()
    try:
        for path in (args.model, args.input):
            if not path.exists():
                raise ValueError(f'{path} not found')
        inputs = list_inputs(args.input)
        check_output(inputs, args.out, args.overwrite)
        return run_all(inputs, args)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
