"""Find people with an exported CenterGroup model: onnxruntime, numpy and OpenCV are all it needs.

    python tools/run_onnx.py model.onnx photo.jpg              # -> poses/photo.json, photo.jpg
    python tools/run_onnx.py model.onnx FOLDER --out results   # all images of a folder
    python tools/run_onnx.py model.onnx clip.mp4               # -> poses/clip.json, clip.mp4

The JSON of an image is {"image", "width", "height", "joints", "poses"}, that of a video
{"video", ..., "frames": [{"poses"}, ...]}; a pose is {"score", "keypoints": [[x, y, visibility],
...]} in pixels of the image. Make model.onnx with tools/export_onnx.py.
"""

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


def resize(image, short_side, factor):
    """Fit the short side, center in a padded input; also the map back and the picture's box."""
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
        cv2.warpAffine(picture, matrix, tuple(padded.tolist()), flags=cv2.INTER_LINEAR)
        for picture in (image, ones)
    )
    ones = ones > 127
    x, y = np.flatnonzero(ones.any(0)), np.flatnonzero(ones.any(1))
    return warped, np.array([x[0], y[0], x[-1] + 1, y[-1] + 1], np.float32), scale, shift


def find_poses(session, info, image, threshold):
    """Poses of one image in its own pixels, best score first."""
    warped, content, scale, shift = resize(image, info['short_side'], info['size_factor'])
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


def draw(image, poses, skeleton, visible=0.3):
    """The image with a skeleton for each pose."""
    image, width = image.copy(), max(1, round(min(image.shape[:2]) / 200))
    for index, pose in enumerate(poses):
        hue = np.uint8([[[(index * 111 + 5) % 180, 220, 255]]])
        colour = tuple(int(v) for v in cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0])
        spots = [tuple(round(v) for v in point[:2]) for point in pose['keypoints']]
        shown = [point[2] >= visible for point in pose['keypoints']]
        for a, b in skeleton:
            if shown[a] and shown[b]:
                cv2.line(image, spots[a], spots[b], colour, width, cv2.LINE_AA)
        for spot in (s for s, show in zip(spots, shown, strict=True) if show):
            cv2.circle(image, spot, width + 1, colour, -1, cv2.LINE_AA)
    return image


def run_image(path, out, session, info, threshold):
    """Write the poses and the picture of one image."""
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f'{path} is not a readable image')
    poses = find_poses(session, info, image, threshold)
    height, width = image.shape[:2]
    result = {'image': path.name, 'width': width, 'height': height, 'joints': info['joints']}
    (out / f'{path.stem}.json').write_text(json.dumps({**result, 'poses': poses}))
    cv2.imwrite(str(out / f'{path.stem}.jpg'), draw(image, poses, info['skeleton']))


def run_video(path, out, session, info, threshold):
    """Write the poses of all frames and the video with them."""
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


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', type=Path, help='ONNX file')
    parser.add_argument('input', type=Path, help='image, folder of images, or video')
    parser.add_argument('--out', type=Path, default=Path('poses'), help='default: %(default)s')
    parser.add_argument('--score-thr', type=float, default=0.3, help='of poses, default 0.3')
    parser.add_argument('--overwrite', action='store_true', help='replace results in OUT')
    parser.add_argument('--cuda', action='store_true', help='run on a GPU (onnxruntime-gpu)')
    return parser.parse_args()


def main():
    """Run on everything that is named; returns the exit status."""
    args = parse_args()
    try:
        for path in (args.model, args.input):
            if not path.exists():
                raise ValueError(f'{path} not found')
        inputs = sorted(args.input.iterdir()) if args.input.is_dir() else [args.input]
        if args.input.is_dir():
            inputs = [path for path in inputs if path.suffix.lower() in IMAGES]
        if not inputs:
            raise ValueError(f'{args.input} holds no images')
        if args.out.resolve() == inputs[0].resolve().parent:
            raise ValueError(f'{args.out} is where the input lies: name another folder with --out')
        stems = [path.stem for path in inputs]
        twice = next((stem for stem in stems if stems.count(stem) > 1), None)
        if twice is not None:
            raise ValueError(f'{args.input} holds several images called {twice}')
        present = [args.out / f'{stem}.json' for stem in stems]
        present = [path for path in present if path.exists()]
        if present and not args.overwrite:
            raise ValueError(f'{present[0]} exists already: name another --out, or --overwrite')
        provider = 'CUDAExecutionProvider' if args.cuda else 'CPUExecutionProvider'
        if provider not in onnxruntime.get_available_providers():
            raise ValueError(f'this onnxruntime has no {provider}')
        try:
            session = onnxruntime.InferenceSession(str(args.model), providers=[provider])
            info = json.loads(session.get_modelmeta().custom_metadata_map['centergroup_mm'])
        except Exception as error:  # onnxruntime has a class for each kind of damage
            raise ValueError(f'{args.model} is not a file of tools/export_onnx.py') from error
        args.out.mkdir(parents=True, exist_ok=True)
        failed = 0
        for number, path in enumerate(inputs, 1):
            run = run_video if path.suffix.lower() in VIDEOS else run_image
            try:
                run(path, args.out, session, info, args.score_thr)
                print(f'{number} of {len(inputs)}: {args.out / path.stem}.json')
            except ValueError as error:  # the others are worth having
                print(f'error: {error}', file=sys.stderr)
                failed = 2
        return failed
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
