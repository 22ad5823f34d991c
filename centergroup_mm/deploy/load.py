"""A trained model and everything a program needs to know to feed it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, MODELS

from ..checkpoints.load import check_model_weights
from ..utils.errors import UserError
from .graph import InferenceGraph

#: of the metadata of an exported file, raised when a reader must change
FORMAT = 1


def load_graph(
    cfg: Config, checkpoint: str | None, precision: str = 'float32'
) -> tuple[InferenceGraph, dict[str, Any]]:
    """Build the graph of a config with the weights of a checkpoint.

    Args:
        cfg: of a ``BottomupPoseEstimator`` with a ``CenterGroupHead``.
        checkpoint: file with its weights; None for random ones.
        precision: see :class:`InferenceGraph`.

    Returns:
        the graph on the CPU and its metadata, see :func:`describe`.

    Raises:
        UserError: checkpoint and config do not fit, or no graph can be made of this model.
    """
    init_default_scope('mmpose')
    model = MODELS.build(copy.deepcopy(cfg.model))
    if checkpoint is not None:
        check_model_weights(model, checkpoint)
    metadata = describe(cfg)
    try:
        graph = InferenceGraph(model, metadata['flip_indices'], precision)
    except ValueError as error:
        raise UserError(str(error)) from error
    return graph.eval().requires_grad_(False), metadata


def describe(cfg: Config) -> dict[str, Any]:
    """What a program must know to prepare images and to read poses.

    Returns:
        ``format``; ``config`` (its name); ``layout`` 'BHWC', ``colour`` 'BGR'; ``short_side``
        and ``size_factor`` of the network input in pixels; ``flip_test``; ``joints`` (names),
        ``skeleton`` (pairs of joints) and ``flip_indices``.  All plain Python.

    Raises:
        UserError: the test pipeline has no ``CenterGroupResize``, or its data set is unknown.
    """
    dataset = cfg.test_dataloader.dataset
    resize = next((s for s in _steps(dataset) if s.get('type') == 'CenterGroupResize'), None)
    if resize is None:
        raise UserError(
            'test_dataloader: its pipeline has no CenterGroupResize to learn sizes from'
        )
    sides = resize['input_size']
    metainfo = dataset.get('metainfo') or DATASETS.get(dataset.type).METAINFO
    info = parse_pose_metainfo(copy.deepcopy(dict(metainfo)))
    return dict(
        format=FORMAT,
        config=Path(cfg.filename or '').name,
        layout='BHWC',
        colour='BGR',
        short_side=int(sides if isinstance(sides, int) else min(sides)),
        size_factor=int(resize.get('size_factor', 64)),
        flip_test=bool((cfg.model.get('test_cfg') or {}).get('flip_test', False)),
        joints=[info['keypoint_id2name'][i] for i in range(info['num_keypoints'])],
        skeleton=[[int(a), int(b)] for a, b in info['skeleton_links']],
        flip_indices=[int(i) for i in info['flip_indices']],
    )


def _steps(dataset: Any) -> Iterator[dict]:
    """Yield the transforms of a data set and of those inside wrappers."""
    yield from dataset.get('pipeline') or ()
    inner = dataset.get('datasets') or ([dataset['dataset']] if dataset.get('dataset') else [])
    for one in inner:
        yield from _steps(one)


def example_inputs(batch: int = 2, height: int = 128, width: int = 192) -> tuple:
    """Inputs to trace with: unequal, not 1, and otherwise without meaning."""
    image = torch.zeros(batch, height, width, 3, dtype=torch.uint8)
    content = torch.tensor([[0.0, 0.0, float(width), float(height)]]).repeat(batch, 1)
    return image, content
