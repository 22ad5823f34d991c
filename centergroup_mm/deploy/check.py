"""Compare an exported graph with eager torch: the people it finds, and its speed."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment

from centergroup_lite.sources import Unreadable, read_image

from ..datasets.transforms import CenterGroupResize, ResizeLongSide
from ..models.grouping.proposals import find_peaks, rank_values, window_maximum
from ..synthetic import make_scene
from ..utils.errors import UserError
from ..utils.fusing import fuse_for_inference
from ..utils.valid_mask import valid_box
from .graph import InferenceGraph


class Agreement(NamedTuple):
    """How two results for the same images differ.

    ============ ===================================================================
    people       [B] pairs of numbers of people
    joints       joints of all pairs of people
    moved        of these, joints more than ``tolerance`` apart
    distance     largest distance of any other joint, input pixels
    visibility   largest difference of a joint's probability
    score        largest difference of a pose's score
    ============ ===================================================================
    """

    people: list[tuple[int, int]]
    joints: int
    moved: int
    distance: float
    visibility: float
    score: float

    @property
    def same(self) -> bool:
        """Whether people and places agree."""
        return self.moved == 0 and all(ours == theirs for ours, theirs in self.people)


def compare(ours: Sequence, theirs: Sequence, tolerance: float = 0.1) -> Agreement:
    """Pair the people of two results by their joints and measure how far they are apart.

    Args:
        ours, theirs: ``keypoints`` [B x C x K x 2], ``keypoint_scores`` [B x C x K], ``scores``
            [B x C] and ``valid`` [B x C], tensors or arrays.
        tolerance: joints further apart, in input pixels, count as moved.
    """
    batches = [[np.asarray(field) for field in side] for side in (ours, theirs)]
    people, joints, moved = [], 0, 0
    largest = np.zeros(3)
    for image in range(len(batches[0][0])):
        first, second = ([f[image][side[3][image]] for f in side[:3]] for side in batches)
        people.append((len(first[0]), len(second[0])))
        apart = np.linalg.norm(first[0][:, None] - second[0][None], axis=-1)  # [P x P' x K]
        rows, columns = linear_sum_assignment(np.minimum(apart, 10).mean(-1))
        apart = apart[rows, columns]
        stays = apart <= tolerance
        joints, moved = joints + apart.size, moved + int((~stays).sum())
        seen = np.abs(first[1][rows] - second[1][columns])
        score = np.abs(first[2][rows] - second[2][columns])
        worst = [float(v.max(initial=0)) for v in (apart[stays], seen, score)]
        largest = np.maximum(largest, worst)
    return Agreement(people, joints, moved, *(float(v) for v in largest))


@torch.inference_mode()
def tied_peaks(
    graph: InferenceGraph, image: np.ndarray, content: np.ndarray, margin: float = 1e-6
) -> np.ndarray:
    """Find images in which rounding decides which proposals are chosen.

    There are three cases. Two peaks in one window of the non-maximum suppression have values closer
    than ``margin``. A peak that is just not chosen is as close to the last one that is chosen. Or a
    type has so few peaks that cells with the value 0 fill the slots that are always kept; they are
    neighbors, and attention cannot tell them apart.

    Args:
        graph: its heatmaps are looked at.
        image, content: inputs of the graph.
        margin: difference of heatmap values that counts as none.

    Returns:
        [B] bool.
    """
    head = graph.model.head
    detection, (_, full) = graph.detect(torch.from_numpy(image), torch.from_numpy(content))
    maps = detection.maps * full[:, None]
    tied = torch.zeros(len(maps), dtype=torch.bool)
    for part, size in ((maps[:, :-1], head.joint_nms), (maps[:, -1:], head.center_nms)):
        ranked = rank_values(find_peaks(part, size), head.num_slots)[0]
        last = ranked[..., -1:, None]
        tied |= (ranked[..., head.min_slots - 1] <= margin).any(1)
        near = (part >= window_maximum(part, size) - margin) & (part >= last - margin)
        near &= part > margin
        around = F.avg_pool2d(near.float(), size, stride=1, padding=size // 2) * size**2
        tied |= (near & (around > 1.5)).flatten(1).any(1)
        tied |= (near.flatten(2).sum(-1) > head.num_slots).any(1)
    return tied.numpy()


def prepare(
    images: Sequence[np.ndarray], side: int, long_side: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Resize images with the test pipeline's own transform and stack them as inputs of the graph.

    Args:
        images: [h x w x 3] uint8 each, BGR, of any sizes.  Inputs of several sizes are padded
            once more, which is good enough to compare two models that get the same input.
        side: of the network input in pixels.
        long_side: ``side`` is the long one, as of ``ResizeLongSide``; else the short one, as of
            ``CenterGroupResize``.

    Returns:
        ``image`` [B x H x W x 3] uint8, smaller images at the top left, and ``content``.
    """
    resize = ResizeLongSide(side) if long_side else CenterGroupResize(side)
    results = [resize.transform(dict(img=image, ori_shape=image.shape[:2])) for image in images]
    height, width = (max(r['img_shape'][axis] for r in results) for axis in (0, 1))
    image = np.zeros((len(results), height, width, 3), dtype=np.uint8)
    for canvas, result in zip(image, results, strict=True):
        canvas[: result['img_shape'][0], : result['img_shape'][1]] = result['img']
    return image, np.array([valid_box(result) for result in results], dtype=np.float32)


def open_session(path: str, threads: int | None = None) -> Any:
    """Open an ONNX file on the CPU.

    Args:
        path: the file.
        threads: of one operator; default torch's own number, so that timings compare.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError('onnxruntime is missing: pip install onnxruntime') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])


def eager_runner(graph: InferenceGraph) -> Callable:
    """The eager model as a function of (image, content) arrays."""

    def eager(image: np.ndarray, content: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            poses = graph(torch.from_numpy(image), torch.from_numpy(content))
        return [field.numpy() for field in poses]

    return eager


def fused_runner(graph: InferenceGraph) -> Callable:
    """As :func:`eager_runner`, in the form in which this package predicts."""
    fused = copy.deepcopy(graph)
    fuse_for_inference(fused.model)
    return eager_runner(fused)


def session_runner(session: Any) -> Callable:
    """The exported model, likewise."""

    def exported(image: np.ndarray, content: np.ndarray) -> list[np.ndarray]:
        return session.run(None, dict(image=image, content=content))

    return exported


def compare_runners(
    graph: InferenceGraph,
    runners: Sequence[Callable],
    image: np.ndarray,
    content: np.ndarray,
) -> tuple[Agreement, Agreement, int]:
    """Compare what two models find in the same images.

    Args:
        graph: tells where rounding decides, see :func:`tied_peaks`.
        runners: two functions of (image, content), see :func:`eager_runner`.
        image: [B x H x W x 3] uint8.
        content: [B x 4], where the images are in the input.

    Returns:
        - how all images agree
        - how those without tied peaks agree; the same if all agree
        - the number of images with tied peaks; 0 if all agree
    """
    results = [run(image, content) for run in runners]
    found = compare(*results)
    if found.same:
        return found, found, 0
    tied = tied_peaks(graph, image, content)
    untied = compare(*([field[~tied] for field in each] for each in results))
    return found, untied, int(tied.sum())


def typical_seconds(calls: Sequence[Callable], repeats: int = 10) -> list[float]:
    """How long each call takes, medians of rounds in alternation."""
    seconds: list[list[float]] = [[] for _ in calls]
    for index in range(repeats + 1):
        for call, spent in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            if index:  # the first round warms up
                spent.append(time.perf_counter() - start)
    return [statistics.median(spent) for spent in seconds]


def synthetic_images(number: int, size: tuple[int, int] = (320, 240)) -> list[np.ndarray]:
    """Scenes of the synthetic crowd, ``size`` is (w, h)."""
    return [make_scene('full', 0, index, size).image for index in range(number)]


def read_images(paths: Sequence) -> list[np.ndarray]:
    """Images of files, BGR.

    Raises:
        UserError: a file cannot be read.
    """
    try:
        return [read_image(Path(path)) for path in paths]
    except Unreadable as error:
        raise UserError(str(error).removesuffix(', left out')) from error
