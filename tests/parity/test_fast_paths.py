"""Half precision, exported programs and compiled code on the reference files.

Optimized paths may round in other orders than the official implementation: 0.05 pixels and 1e-3.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from centergroup_mm.deploy.export import Dim
from centergroup_mm.models.grouping import Poses
from centergroup_mm.models.heads import Detection

from ..helpers.exported import needs_compiler, needs_export
from . import check_stages as stages
from .conftest import files_of
from .models import build_head, build_model
from .reference import Reference, assert_close

PIXELS, SCORES = 0.05, 1e-3

every_grouping = pytest.mark.parametrize('path', files_of('grouping'))
#: graphs of the other models and modes are captured in the extended tests
SOME = ('grouping_coco_p1_flip', 'grouping_coco_p5_flip', 'grouping_coco_ms_p4')
#: one program serves these; to export one takes ten seconds
QUICK = ('grouping_coco_p1_flip', 'grouping_coco_p5_flip', 'grouping_coco_crowd25_flip')


def mostly(mark: pytest.MarkDecorator, kind: str, quick: Collection[str]) -> list:
    """Parameters for the reference files of a kind; all but a few are marked."""
    return [
        pytest.param(*param.values, id=param.id, marks=mark)
        if param.values[0] and param.id not in quick
        else param
        for param in files_of(kind)
    ]


class Grouping(nn.Module):
    """From merged maps and features to poses, as `InferenceGraph` and `predict` run it."""

    def __init__(self, head: nn.Module, flip_indices: Tensor | None) -> None:
        super().__init__()
        self.head = head
        self.register_buffer('flip_indices', flip_indices)

    def forward(self, maps: Tensor, features: list[Tensor], quarter: Tensor, full: Tensor) -> Poses:
        masks = (quarter, full)
        output, centers = self.head.infer(
            Detection(maps, [(feature,) for feature in features]), masks, self.flip_indices
        )
        return self.head.decoder.batch_decode(output, maps[:, :-1], centers.valid)


def grouping_of(ref: Reference) -> Grouping:
    """What a file is computed with."""
    head = build_head(ref.meta('config'), ref.overrides())
    return Grouping(head, stages.flip_indices_of(ref))


def inputs_of(ref: Reference, grouping: Grouping) -> tuple:
    """What :class:`Grouping` takes, of a file."""
    order = stages.scale_order(ref)
    levels = [(ref[f'in/s{i}/hm4'], ref[f'in/s{i}/hm2']) for i in order]
    maps = grouping.head.merge(levels, grouping.flip_indices, tuple(ref.meta('input_hw')))
    quarter, full = stages.check_masks(ref)
    return maps, [ref[f'in/s{i}/fmap'] for i in order], quarter, full


def compare(poses: Poses, ref: Reference) -> None:
    """Poses of the file's image within the tolerances of optimized paths."""
    valid = poses.valid[0]
    points = stages.to_image(poses.keypoints[0][valid], ref)
    sure = stages.sure_joints(ref, stages.flip_indices_of(ref))[-1]
    assert sure.any()  # the others hang on rounding in the official implementation itself
    theirs = ref['out/poses']
    assert_close(points[sure], theirs[..., :2][sure], PIXELS, 'poses')
    assert_close(poses.keypoint_scores[0][valid], theirs[..., 2], SCORES, 'visibilities')
    assert_close(poses.scores[0][valid], ref['out/scores'], SCORES, 'pose scores')


def has_float16() -> bool:
    """Whether this torch has float16 on a CPU."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with torch.autocast('cpu', dtype=torch.float16):
                return (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == torch.float16
    except RuntimeError:  # torch 2.1
        return False


needs_float16 = pytest.mark.skipif(
    not has_float16(), reason='this torch is too old for float16 on a CPU'
)


@every_grouping
@pytest.mark.parametrize(
    'dtype',
    [
        pytest.param(torch.float16, marks=needs_float16, id='float16'),
        pytest.param(torch.bfloat16, id='bfloat16'),
    ],
)
@torch.no_grad()
def test_half_precision(path: Path, dtype: torch.dtype) -> None:
    ref = Reference(path)
    grouping = grouping_of(ref)
    with torch.autocast('cpu', dtype=dtype):
        compare(grouping(*inputs_of(ref, grouping)), ref)


@needs_float16
@pytest.mark.parametrize('path', mostly(pytest.mark.slow, 'pipeline', ['pipeline_w32_coco_flip']))
@torch.no_grad()
def test_heatmaps_in_half_precision(path: Path) -> None:
    """Which peaks of random weights' heatmaps are highest hangs on less than float16 changes."""
    ref = Reference(path)
    model = build_model(ref.meta('config'), ref.overrides())
    # convolutions of many CPUs are twelve times as fast on this layout
    model.to(memory_format=torch.channels_last)
    images = [ref[f'in/resized_s{i}'].permute(2, 0, 1).flip(0) for i in stages.scale_order(ref)]
    flip_indices = stages.flip_indices_of(ref)
    features = []
    with torch.autocast('cpu', dtype=torch.float16):
        for image in images:
            x = model.data_preprocessor(dict(inputs=[image], data_samples=[]))['inputs']
            views = x if flip_indices is None else torch.cat([x, x.flip(-1)])
            views = views.contiguous(memory_format=torch.channels_last)
            features.append(model.extract_feat(views))
        maps = model.head.detect(features, flip_indices, tuple(ref.meta('input_hw'))).maps[0]
    assert maps.dtype == torch.float32 and features[0][-1].dtype == torch.float16
    assert_close(maps[:-1, ::2, ::2], ref['out/kp_heatmaps_sub2'], SCORES, 'joint maps')
    assert_close(maps[-1:, ::2, ::2], ref['out/person_heatmaps_sub2'], SCORES, 'centers')


def export(grouping: Grouping, inputs: tuple) -> nn.Module:
    """A program for every image size that a file has."""
    rows, columns = Dim('rows', min=2, max=64), Dim('columns', min=2, max=64)

    def at(stride: int, axis: int) -> dict:
        return {axis: 32 // stride * rows, axis + 1: 32 // stride * columns}

    features = [at(stride, 2) for stride in (4, 2, 8)[: len(inputs[1])]]  # of scales 1, 2 and 0.5
    shapes = (at(1, 2), features, at(4, 1), at(1, 1))
    return torch.export.export(grouping, inputs, dynamic_shapes=shapes).module()


def captured(grouping: Grouping, inputs: tuple) -> nn.Module:
    """The one graph for every image size from which code is generated, as it is."""
    return torch.compile(grouping, fullgraph=True, dynamic=True, backend='eager')


def compiled(grouping: Grouping, inputs: tuple) -> nn.Module:
    """Generated code for every image size."""
    return torch.compile(grouping, fullgraph=True, dynamic=True)


_MADE: dict[tuple, tuple[Grouping, nn.Module]] = {}
# each model and mode has a graph of the same function, and eight are more than usual
torch._dynamo.config.cache_size_limit = 64


def check_transformed(path: Path, transform: Callable[[Grouping, tuple], nn.Module]) -> None:
    """Compare what a transformed grouping computes; one serves all files of a model and mode."""
    ref = Reference(path)
    grouping = grouping_of(ref)
    inputs = inputs_of(ref, grouping)
    key = (transform, ref.meta('config'), ref.meta('flip'), ref.meta('multiscale'))
    if key not in _MADE:
        _MADE[key] = grouping, transform(grouping, inputs)
    original, module = _MADE[key]
    original.load_state_dict(grouping.state_dict())  # files replace single weights
    compare(module(*inputs), ref)


@needs_export
@pytest.mark.parametrize('path', mostly(pytest.mark.slow, 'grouping', QUICK))
@torch.no_grad()
def test_exported(path: Path) -> None:
    check_transformed(path, export)


@pytest.mark.slow
@needs_export
@pytest.mark.parametrize('path', mostly(pytest.mark.extended, 'grouping', SOME))
@torch.no_grad()
def test_captured(path: Path) -> None:
    check_transformed(path, captured)


@pytest.mark.extended
@needs_compiler
@every_grouping
@torch.no_grad()
def test_compiled(path: Path) -> None:
    check_transformed(path, compiled)
