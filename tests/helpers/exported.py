"""Models with weights that see peaks everywhere, as checkpoints, programs and files.

Tracing a graph with free sizes takes time for each of its operations, so the export that runs
every time is that of the tiny model with four convolutions in the place of its HRNet. The first
process that needs it makes it, and all others read what it wrote.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

import centergroup_mm  # noqa: F401
from centergroup_mm.deploy import InferenceGraph, check
from centergroup_mm.deploy.export import CAN_WRITE_ONNX, Dim, export_onnx, export_program
from centergroup_mm.deploy.load import describe, load_graph

from ..conftest import ROOT

#: for every test file that compiles or exports
needs_export = pytest.mark.skipif(Dim is None, reason='this torch is too old to export')
needs_onnx = pytest.mark.skipif(not CAN_WRITE_ONNX, reason='this torch is too old to write ONNX')
needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in ('c++', 'g++', 'clang++')),
    reason='inductor needs a C++ compiler',
)

TINY = ROOT / 'configs/centergroup_tiny_synthetic.py'
_OWN = tempfile.TemporaryDirectory()  # goes when the tests end
#: of all processes, see conftest.py; without that one's own
FOLDER = Path(os.environ.get('CENTERGROUP_TEST_FILES', _OWN.name))


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """Return a file that the first process that asks for it has written.

    Args:
        name: of the file.
        make: writes the file, given its path.
    """
    path = FOLDER / name
    with FileLock(FOLDER / f'.{name}.lock'):
        if not path.exists():
            make(path)
    return path


@functools.cache
def short_config() -> Path:
    """A config file: the tiny model with a short backbone and one encoder layer.

    Its graph embeds centers in windows, and keypoints, with two blocks, at listed cells.
    """
    text = f"""_base_ = ['{TINY}']
model = dict(
    backbone=dict(
        _delete_=True, type='ResNet', depth=18, num_stages=1, strides=(1,), dilations=(1,),
        out_indices=(0,), base_channels=16, stem_channels=16),
    head=dict(
        num_slots=12, detector=dict(in_channels=16), neck=dict(in_channels=16, num_layers=1,
        num_blocks=2)),
    test_cfg=dict(flip_test=True))
test_pipeline = [
    dict(type='LoadImage'), dict(type='CenterGroupResize', input_size=(192, 192)),
    dict(type='PackPoseInputs')]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
"""
    return made_once('short.py', lambda path: path.write_text(text))


def scatter_peaks(model: nn.Module) -> None:
    """Give a model random weights with which its heatmaps have many clear peaks."""
    final = set(model.head.detector.final_layers)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 1.5)
        elif isinstance(module, nn.Conv2d) and module in final:
            nn.init.normal_(module.weight, std=0.02)
            nn.init.constant_(module.bias, 1.5)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)


@functools.cache
def checkpoint(config: Path) -> Path:
    """A checkpoint file of a config."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    with torch.no_grad():
        scatter_peaks(model)
    content = dict(state_dict=model.state_dict())
    return made_once(f'{config.stem}.pth', lambda path: torch.save(content, path))


def graph(config: Path, precision: str = 'float32') -> InferenceGraph:
    """The eager inference graph, a new one each time."""
    return load_graph(Config.fromfile(config), str(checkpoint(config)), precision)[0]


@functools.cache
def program() -> torch.export.ExportedProgram:
    """The exported program of the short model; torch cannot save one with these sizes."""
    return export_program(graph(short_config()))


@functools.cache
def onnx_file() -> Path:
    """The exported file of the short model."""
    metadata = describe(Config.fromfile(short_config()))
    return made_once('short.onnx', lambda path: export_onnx(program(), path, metadata))


def agreement(
    eager: InferenceGraph, session, images: Sequence[np.ndarray], side: int, may_tie: bool = False
) -> check.Agreement:
    """What an eager graph and an open ONNX session say of images.

    If they differ, the images with equal peaks are left out, as rounding orders those.

    Args:
        eager: the graph.
        session: of the exported one.
        images: a batch, BGR.
        side: short side to resize to.
        may_tie: let all images have equal peaks, which leaves nothing to compare.
    """
    image, content = check.prepare(images, side)
    results = [
        run(image, content) for run in (check.eager_runner(eager), check.session_runner(session))
    ]
    found = check.compare(*results)
    if not found.same:
        tied = check.tied_peaks(eager, image, content)
        assert may_tie or not tied.all(), f'every image has tied peaks and {found}'
        found = check.compare(*([field[~tied] for field in each] for each in results))
    return found
