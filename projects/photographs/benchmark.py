r"""What the photograph model costs, beside its detector's own decode and W32, in one run.

    python tools/export_onnx.py configs/centergroup_movenet_photos.py \
        centergroup_mm/zoo/centergroup_movenet_photos-SHA.pth photographs.onnx
    python projects/photographs/benchmark.py --onnx photographs.onnx

Everything sees one photograph in the public domain (matplotlib's), alone and as a group of twenty
people, from uint8 pixels of the network's size to poses.  Images a second are medians of each model
in a row by itself, as a folder of photographs is predicted.  Ratios are of the same rounds of all
models in turn, with an interval of nine tenths, and one whose interval is wider than its distance
from 1 is not given; a model that has just been run by another in between finds its weights in no
cache, so that its times there are longer.  Ours run as `centergroup predict` runs them, with
channels-last weights; the detector with its own decode runs as MMPose runs it and, for comparison,
in the form of ours.  Rows in bfloat16 are measured where the processor has instructions for it.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from matplotlib import cbook
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
from benchmarking.clock import alternate, interval
from benchmarking.machine import machine
from speed_results import described, pairs, save, write_page

from centergroup_mm import zoo
from centergroup_mm.checkpoints.load import check_model_weights, missing_weights
from centergroup_mm.deploy.check import open_session
from centergroup_mm.utils import cli
from centergroup_mm.utils.checks import load_config
from centergroup_mm.utils.errors import run_tool
from centergroup_mm.utils.fusing import fuse_for_inference
from centergroup_mm.utils.memory import keep_freed_memory
from centergroup_mm.utils.precision import autocast, fastest_precision

ROOT = Path(__file__).resolve().parents[2]
SIZES = (256, 384, 512)
#: images at once, and the size at which several are timed
BATCH, BATCH_SIZE = 8, 256
OURS, ONNX, OWN = 'ours, PyTorch', 'ours, ONNX Runtime', "detector's own decode, PyTorch"
W32 = 'W32, random weights, no flip'
#: calls whose times are compared: above and below
RATIOS = {
    'ours / own decode, 512, 1 person': (f'{OURS}, 512, 1 person', f'{OWN}, 512, 1 person'),
    'the same, both channels-last': (
        f'{OURS}, 512, 1 person',
        f'{OWN}, channels-last, 512, 1 person',
    ),
    'ours / own decode, 512, 20 people': (f'{OURS}, 512, 20 people', f'{OWN}, 512, 20 people'),
    'ours, 20 people / 1 person, 512': (f'{OURS}, 512, 20 people', f'{OURS}, 512, 1 person'),
    'W32 / ours, 512': (f'{W32}, 512', f'{OURS}, 512, 1 person'),
    'ours, bfloat16 / float32, 512': (f'{OURS}, bfloat16, 512, 1 person', f'{OURS}, 512, 1 person'),
    'W32, bfloat16 / float32, 512': (f'{W32}, bfloat16, 512', f'{W32}, 512'),
    **{
        f'ours, ONNX Runtime / PyTorch, {side}': (f'{ONNX}, {side}', f'{OURS}, {side}, 1 person')
        for side in SIZES
    },
    f'ours, ONNX Runtime, {BATCH} images at once / {BATCH} times one, {BATCH_SIZE}': (
        f'{ONNX}, {BATCH_SIZE}, {BATCH} images',
        f'{ONNX}, {BATCH_SIZE}',
    ),
}


def group(people: int) -> np.ndarray:
    """A photograph with so many people side by side, [H x W x 3] BGR."""
    with cbook.get_sample_data('grace_hopper.jpg') as file:
        one = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    columns = int(np.ceil(people**0.5))
    rows = -(-people // columns)
    return np.tile(one, (rows, columns, 1))


def squared(image: np.ndarray, side: int) -> np.ndarray:
    """The image at one size, whatever its shape, so that inputs differ in their people alone."""
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def build(name: str, weights: Path | None, options: dict | None = None) -> nn.Module:
    """Build a model of a config in evaluation mode; of the weights it takes what it has."""
    init_default_scope('mmpose')
    cfg = load_config(str(ROOT / 'configs' / f'{name}.py'))
    cli.apply_options(cfg, options or {})
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    if weights is not None:
        check_model_weights(model, str(weights))
    return model


def detector_alone(ours: nn.Module) -> nn.Module:
    """The detector of the photograph model with its own decode."""
    model = build('movenet_coco', None)
    state = {
        name.replace('head.detector.', 'head.', 1): value
        for name, value in ours.state_dict().items()
        if name.startswith(('backbone.', 'neck.', 'head.detector.'))
    }
    _, absent, _ = missing_weights(model, state)
    assert not absent, absent
    return model


def prediction(
    model: nn.Module, image: np.ndarray, side: int, precision: str = 'float32'
) -> Callable[[], Any]:
    """From pixels of the network input to poses."""
    pixels = torch.from_numpy(squared(image, side)).permute(2, 0, 1).contiguous()
    height = width = side
    meta = dict(
        input_size=(width, height),
        input_center=np.array([width, height]) / 2,
        input_scale=np.array([width, height], dtype=float),
        ori_shape=(height, width),
        img_shape=(height, width),
        flip_indices=[0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15],
    )

    @torch.no_grad()
    def predict() -> Any:
        sample = PoseDataSample(metainfo=meta)
        with autocast(precision, 'cpu'):
            return model.test_step(dict(inputs=[pixels], data_samples=[sample]))

    return predict


def onnx_predictions(path: str, image: np.ndarray) -> dict[str, Callable[[], Any]]:
    """The exported photograph model at several sizes."""
    session = open_session(path)
    calls = {}
    for side in SIZES:
        box = np.array([[0, 0, side, side]], np.float32)
        feed = {'image': squared(image, side)[None], 'content': box}
        calls[f'{ONNX}, {side}'] = lambda feed=feed: session.run(None, feed)
        if side == BATCH_SIZE:
            several = {key: np.repeat(value, BATCH, 0) for key, value in feed.items()}
            calls[f'{ONNX}, {side}, {BATCH} images'] = lambda feed=several: session.run(None, feed)
    return calls


def main() -> None:
    """Time and report."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('--repeats', type=int, default=20, help='rounds, default %(default)s')
    parser.add_argument('--threads', type=int, default=2, help='of each call, default %(default)s')
    parser.add_argument('--onnx', help='file of tools/export_onnx.py, for its rows')
    parser.add_argument('--json', help='also write the seconds of every round here')
    parser.add_argument(
        '--save',
        action='store_true',
        help='put images a second and ratios into the file of this processor in '
        'projects/photographs/results/ and into the table of docs/benchmarks.md',
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    ours = build(zoo.PHOTOGRAPHS, zoo.weights_of(zoo.PHOTOGRAPHS))
    own = detector_alone(ours)
    ours = fuse_for_inference(ours)
    own_fused = fuse_for_inference(copy.deepcopy(own))
    one, many = group(1), group(20)
    calls = {f'{OURS}, {side}, 1 person': prediction(ours, one, side) for side in SIZES} | {
        f'{OWN}, {side}, 1 person': prediction(own, one, side) for side in SIZES
    }
    calls[f'{OURS}, 512, 20 people'] = prediction(ours, many, 512)
    calls[f'{OWN}, 512, 20 people'] = prediction(own, many, 512)
    calls[f'{OWN}, channels-last, 512, 1 person'] = prediction(own_fused, one, 512)
    if args.onnx:
        calls |= onnx_predictions(args.onnx, one)
    w32 = build('centergroup_w32_coco', None, {'model.test_cfg.flip_test': False})
    w32 = fuse_for_inference(w32)
    calls[f'{W32}, 512'] = prediction(w32, one, 512)
    if fastest_precision('cpu') == 'bfloat16':
        calls[f'{OURS}, bfloat16, 512, 1 person'] = prediction(ours, one, 512, 'bfloat16')
        calls[f'{W32}, bfloat16, 512'] = prediction(w32, one, 512, 'bfloat16')
    in_a_row = {
        name: alternate({name: call}, args.repeats)[name]
        for name, call in tqdm(calls.items(), 'in a row', disable=None)
    }
    print('all in turn', file=sys.stderr)
    seconds = alternate(calls, args.repeats)
    conditions = dict(
        machine=machine('cpu'), threads=args.threads, torch=torch.__version__, rounds=args.repeats
    )
    print(', '.join(f'{key} {value}' for key, value in conditions.items()))
    images = {}
    for name, values in in_a_row.items():
        number = BATCH if name.endswith(' images') else 1
        images[name] = number / float(np.median(values))
        low, high = (number / value for value in reversed(interval(values)))
        print(f'{name:60} {images[name]:6.1f} images/s ({low:.1f} to {high:.1f})')
    ratios = pairs(seconds, RATIOS)
    for label in ratios:
        if label.startswith(f'{ONNX}, {BATCH} images'):
            ratios[label] = [value / BATCH for value in ratios[label]]
        print(f'{label:60} {described(ratios[label])}')
    if args.save:
        print(f'kept in {save(conditions, images, ratios)}')
        write_page()
    if args.json:
        result = dict(in_a_row=in_a_row, in_turn=seconds)
        Path(args.json).write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__':
    sys.exit(run_tool(main))
