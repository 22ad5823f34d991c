r"""Find people with an exported CenterGroup model: onnxruntime, numpy and OpenCV are all it needs.

    python tools/run_onnx.py model.onnx photo.jpg              # -> poses/photo.json, photo.jpg
    python tools/run_onnx.py model.onnx FOLDER --out results   # all images of a folder
    python tools/run_onnx.py model.onnx clip.mp4               # -> poses/clip.json, clip.mp4

The JSON of an image is {"image", "width", "height", "joints", "poses"}, that of a video
{"video", ..., "frames": [{"poses"}, ...]}; a pose is {"score", "keypoints": [[x, y, visibility],
...]} in pixels of the image. Make model.onnx with tools/export_onnx.py.
"centergroup predict --onnx model.onnx" does the same and writes MMPose's JSON, COCO results or CSV.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from .errors import UserError
from .onnx_file import OnnxPredictor
from .poses import Poses
from .results import Size, Writer
from .session import Plan, run
from .sources import Source, find_sources


class PosesWriter(Writer):
    """Writes the JSON that the help describes, of one source."""

    _frames = 0
    _video = False

    def add(self, source: Source, frame: int | None, size: Size, poses: Poses) -> None:
        """Write the image, or one frame of the video."""
        self._video = frame is not None
        triples = np.concatenate([poses.keypoints, poses.keypoint_scores[..., None]], axis=-1)
        people = [
            {'score': float(score), 'keypoints': np.round(triple, 4).tolist()}
            for score, triple in zip(poses.scores, triples, strict=True)
        ]
        if not self._frames:
            head = {
                'video' if self._video else 'image': source.path.name,
                'width': size[1],
                'height': size[0],
                'joints': self.joints,
            }
            self._file.write(json.dumps(head)[:-1])
            self._file.write(', "frames": [' if self._video else ', "poses": ')
        self._file.write(', ' * bool(self._frames))
        self._file.write(json.dumps({'poses': people} if self._video else people))
        self._frames += 1

    def end(self) -> None:
        """Close what is open."""
        self._file.write(']}' if self._video else '}')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', type=Path, help='ONNX file')
    parser.add_argument('input', help='image, folder of images, or video')
    parser.add_argument('--out', type=Path, default=Path('poses'), help='default: %(default)s')
    parser.add_argument('--score-thr', type=float, default=0.3, help='of poses, default 0.3')
    parser.add_argument('--overwrite', action='store_true', help='replace results in OUT')
    parser.add_argument('--force', dest='overwrite', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--cuda', action='store_true', help='run on a GPU (onnxruntime-gpu)')
    return parser.parse_args()


def main() -> None:
    """Run on everything that is named."""
    args = parse_args()
    model = OnnxPredictor(args.model, 'cuda' if args.cuda else 'cpu')
    sources = find_sources([args.input])
    plan = Plan(
        args.out,
        score_thr=args.score_thr,
        visible_thr=0.3,
        overwrite=args.overwrite,
        suffix='',
        json_writer=PosesWriter,
    )
    if args.out.resolve() in {source.path.resolve().parent for source in sources}:
        raise UserError(f'{args.out} is where the input lies: name another folder with --out')
    plan.check(sources)
    run(model, sources, plan)
