"""A trained model and everything an application needs to know to run it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from ..checkpoints.load import check_model_weights
from ..inference.names import file_of
from ..utils.errors import UserError
from ..utils.skeleton import read_metainfo
from .graph import InferenceGraph


def load_graph(
    cfg: Config, checkpoint: str | None, precision: str = 'float32'
) -> tuple[InferenceGraph, dict[str, Any]]:
    """Build the graph of a config with the weights of a checkpoint.

    Args:
        cfg: of a ``BottomupPoseEstimator`` with a ``CenterGroupHead``.
        checkpoint: file with its weights, or ``centergroup_mm://NAME``; None for random ones.
        precision: see :class:`InferenceGraph`.

    Returns:
        the graph on the CPU and its metadata, see :func:`describe`.

    Raises:
        UserError: checkpoint and config do not fit, or this model cannot become one graph.
    """
    init_default_scope('mmpose')
    model = MODELS.build(copy.deepcopy(cfg.model))
    if checkpoint is not None:
        check_model_weights(model, file_of(checkpoint))
    metadata = describe(cfg)
    try:
        graph = InferenceGraph(model, metadata['flip_indices'], precision)
    except ValueError as error:
        raise UserError(str(error)) from error
    return graph.eval().requires_grad_(False), metadata


def describe(cfg: Config) -> dict[str, Any]:
    """Describe what an application must know to prepare images and to read poses.

    Returns:
        ``format``; ``config`` (its name); ``layout`` 'BHWC', ``colour`` 'BGR'; ``short_side`` or
        ``long_side``, and ``size_factor`` of the network input in pixels; ``flip_test``;
        ``joints`` (names), ``skeleton`` (pairs of joints) and ``flip_indices``.  All plain
        Python.

    Raises:
        UserError: the resizing of the test pipeline cannot be described, or its dataset is unknown.
    """
    dataset = cfg.test_dataloader.dataset
    try:
        skeleton = read_metainfo(dataset.get('metainfo') or dataset.type)
    except ValueError as error:
        raise UserError(f'test_dataloader: {error}') from error
    return dict(
        config=Path(cfg.filename or '').name,
        layout='BHWC',
        colour='BGR',
        **_describe_resize(dataset),
        flip_test=bool((cfg.model.get('test_cfg') or {}).get('flip_test', False)),
        joints=list(skeleton.names),
        skeleton=[list(link) for link in skeleton.links],
        flip_indices=list(skeleton.flip_indices),
    )


def _describe_resize(dataset: Any) -> dict[str, int]:
    """Describe how the test pipeline resizes images to the network input.

    Files for which images are resized by their long side have another format number, because
    readers of format 1 know the short side only.
    """
    steps = {step.get('type'): step for step in _steps(dataset)}
    if 'CenterGroupResize' in steps:
        step = steps['CenterGroupResize']
        side = step['input_size']
        fit = dict(format=1, short_side=int(side if isinstance(side, int) else min(side)))
        return dict(**fit, size_factor=int(step.get('size_factor', 64)))
    if 'ResizeLongSide' in steps:
        step = steps['ResizeLongSide']
        fit = dict(format=2, long_side=int(step.get('long_side', 512)))
        return dict(**fit, size_factor=int(step.get('size_factor', 32)))
    raise UserError(
        'test_dataloader: its pipeline has neither CenterGroupResize nor ResizeLongSide to learn '
        'sizes from'
    )


def _steps(dataset: Any) -> Iterator[dict]:
    """Yield the transforms of a data set and of those inside wrappers."""
    yield from dataset.get('pipeline') or ()
    inner = dataset.get('datasets') or ([dataset['dataset']] if dataset.get('dataset') else [])
    for one in inner:
        yield from _steps(one)


def example_inputs(batch: int = 2, height: int = 128, width: int = 192) -> tuple:
    """Inputs to trace with; their sizes differ from each other and from 1, and have no meaning."""
    image = torch.zeros(batch, height, width, 3, dtype=torch.uint8)
    content = torch.tensor([[0.0, 0.0, float(width), float(height)]]).repeat(batch, 1)
    return image, content
