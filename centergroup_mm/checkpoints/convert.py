"""Checkpoints of other programs, turned into checkpoints of this package's models."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..utils.errors import UserError
from .official_names import canonical, from_higherhrnet, from_official

#: kinds of checkpoints, as the report names them
KINDS = {
    'centergroup': 'the official CenterGroup model',
    'detector': 'a HigherHRNet detector',
    'imagenet': 'an HRNet trained on ImageNet',
    'movenet': 'MoveNet MultiPose',
}
_CENTERGROUP = ('bu_model.', 'group_model.', 'kp_embed_cnn.', 'person_embed_cnn.')
_DETECTOR = tuple(
    f'{head}{part}'
    for head in ('', 'keypoint_head.')
    for part in ('final_layers.', 'deconv_layers.')
)
_CLASSIFIER = (
    'incre_modules.', 'downsamp_modules.', 'final_layer.', 'classifier.', 'fc.', 'neck.', 'head.',
)  # fmt: skip
_OURS = (
    'head.final_layers.',
    'head.deconv_layers.',
    'head.detector.',
    'head.neck.',
    'head.grouping.',
)
# The last module of stage 4 fuses into every resolution in a classifier, here into 1/4 only.
_UNUSED_FUSION = re.compile(r'stage4\.\d+\.fuse_layers\.[1-9]\d*\.')
_WIDTH = 'stage2.0.branches.0.0.conv1.weight'
_MAPS = 'final_layers.1.weight'
# Number of heatmaps -> config for such a model.
_CONFIGS = {
    17: 'higherhrnet_{width}_coco',
    18: 'higherhrnet_center_{width}_coco',
    14: 'higherhrnet_{width}_crowdpose',
    15: 'higherhrnet_center_{width}_crowdpose',
}


@dataclass
class Conversion:
    """What happened to every tensor of a checkpoint.

    Attributes:
        kind: key of :data:`KINDS`.
        state: weights under this package's names.
        placed: name in the checkpoint -> name here.
        left_out: name in the checkpoint -> why it was left out.
        added: names here that the checkpoint lacks and that are no trained weights.
        untrained: names of the config's model that such a checkpoint never has.
        other: what else the file holds, by its key (the optimizer's state, the epoch, ...).
    """

    kind: str
    state: dict[str, Tensor] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    untrained: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def report(self, verbose: bool = False) -> list[str]:
        """Describe the conversion in lines; every tensor that was left out is named.

        Args:
            verbose: also name every tensor that was placed.
        """
        lines = [f'recognized as {KINDS[self.kind]}: {len(self.placed)} tensors placed']
        if verbose:
            lines += [f'  {theirs} -> {ours}' for theirs, ours in self.placed.items()]
        else:
            lines += [f'  {module}: {n}' for module, n in _by_module(self.placed.values()).items()]
        for reason, number in Counter(self.left_out.values()).items():
            lines.append(f'left out on purpose, {reason}: {number} tensors')
            lines += [f'  {name}' for name, why in self.left_out.items() if why == reason]
        if not self.left_out:
            lines.append('left out on purpose: none')
        if self.other:
            lines.append(f'left out, as it is no weight: {", ".join(self.other)}')
        if self.added:
            lines.append(f'added, zero: {len(self.added)} counters of batch norms')
        if self.untrained:
            modules = ', '.join(_by_module(self.untrained))
            lines.append(f'not in such a checkpoint, to be trained: {modules}')
        return lines


def split_content(content: Mapping) -> tuple[dict[str, Tensor], list[str]]:
    """Separate the weights in a loaded file from everything else.

    Args:
        content: a state dict, or a dict that holds one as ``state_dict``.

    Returns:
        weights by name, and the keys of all that is no weight.
    """
    state = content.get('state_dict', content)
    weights = {k: v for k, v in state.items() if isinstance(k, str) and isinstance(v, Tensor)}
    other = [str(key) for key in state if key not in weights]
    if state is not content:
        other += [str(key) for key in content if key != 'state_dict']
    # The HRNet repositories wrap a half-precision model into a sequence of two.
    if weights and all(re.match(r'(module\.)?1\.', name) for name in weights):
        weights = {name.removeprefix('module.')[2:]: value for name, value in weights.items()}
    return weights, other


def recognize(names: Iterable[str], source: str) -> str:
    """Recognize the kind of a checkpoint from the names of its tensors.

    Args:
        names: canonical names of its tensors.
        source: the file, for the message.

    Returns:
        key of :data:`KINDS`.

    Raises:
        UserError: it is not of a kind that can be converted.
    """
    names = list(names)
    if any(name.startswith(_OURS) for name in names):
        raise UserError(f'{source} already has the names of this package: use it as it is')
    if any(name.startswith(_CENTERGROUP) for name in names):
        return 'centergroup'
    if any(name.startswith(_DETECTOR) for name in names):
        return 'detector'
    backbone = any(name.removeprefix('backbone.').startswith('stage2.') for name in names)
    if backbone and any(name.startswith(_CLASSIFIER) for name in names):
        return 'imagenet'
    if backbone:
        raise UserError(
            f'{source} holds an HRNet without head or classifier: a detector that is cut off, or '
            'a bare backbone, which needs no conversion: --cfg-options '
            'model.backbone.init_cfg.checkpoint=PATH'
        )
    raise UserError(
        f'{source} is no CenterGroup, HigherHRNet or ImageNet HRNet checkpoint: '
        f'it has tensors such as {names[0] if names else "(none)"}'
    )


def convert(
    weights: Mapping[str, Tensor], model_state: Mapping[str, Tensor], source: str = 'the checkpoint'
) -> Conversion:
    """Give the tensors of a checkpoint their names in a model of this package.

    Args:
        weights: tensors by their names in the checkpoint.
        model_state: state dict of the model of the config; only names and shapes are read.
        source: the file, for messages.

    Returns:
        complete for CenterGroup and for a detector in a detector's config; for a
        detector in CenterGroup's config and for an ImageNet backbone all that such a checkpoint
        has, see ``untrained``.

    Raises:
        UserError: it is of another kind, set of keypoints or width than the model, it is
            incomplete, or it has unknown tensors.
    """
    names = {name: canonical(name) for name in weights}
    result = Conversion(recognize(names.values(), source))
    expected, rename = _target(result.kind, model_state, source)
    _check_sizes(result.kind, weights, model_state, source)
    unknown = []
    for name, clean in names.items():
        ours = rename(clean)
        if ours in expected and ours not in result.state:
            result.placed[name] = ours
            result.state[ours] = weights[name]
        elif ours in expected:
            raise UserError(f'{source} has two tensors for {ours}, one of them {name}')
        else:
            reason = _reason(result.kind, clean)
            if reason is None:
                unknown.append(name)
            else:
                result.left_out[name] = reason
    if unknown:
        raise UserError(
            f'{source} has {len(unknown)} tensors that the model of the config has no place for, '
            f'the first {unknown[0]}: is it the right config?'
        )
    _add_counters(result, expected)
    missing = [name for name in expected if name not in result.state]
    if missing:
        raise UserError(
            f'{source} is incomplete: {len(missing)} of {len(expected)} tensors are missing, '
            f'the first is {missing[0]} in this package'
        )
    for name, ours in result.placed.items():
        shapes = tuple(weights[name].shape), tuple(model_state[ours].shape)
        if shapes[0] != shapes[1]:
            raise UserError(
                f'{source}: {name} has the shape {shapes[0]}, the config wants {shapes[1]}'
            )
    result.untrained = [name for name in model_state if name not in expected]
    return result


def _target(
    kind: str, model_state: Mapping[str, Tensor], source: str
) -> tuple[dict[str, Tensor], Callable[[str], str | None]]:
    """Part of the model that such a checkpoint fills, and how its tensors are called there."""
    nested = f'head.detector.{_MAPS}' in model_state
    if not nested and f'head.{_MAPS}' not in model_state and kind != 'imagenet':
        raise UserError('the model of the config is neither CenterGroup nor a HigherHRNet detector')
    if kind == 'centergroup':
        if not nested:
            raise UserError(
                f'{source} is a whole CenterGroup model, the config is a detector alone: '
                'use a configs/centergroup_*.py'
            )

        def rename(name: str) -> str | None:
            try:
                return from_official(name)
            except KeyError:
                return None

        return dict(model_state), rename
    head = 'head.detector.' if nested else 'head.'
    parts = ('backbone.',) if kind == 'imagenet' else ('backbone.', head)
    expected = {name: value for name, value in model_state.items() if name.startswith(parts)}
    return expected, lambda name: from_higherhrnet(name, head)


def _check_sizes(
    kind: str, weights: Mapping[str, Tensor], model_state: Mapping[str, Tensor], source: str
) -> None:
    """Raise a UserError that names the right config if width or number of keypoints differ."""
    keys = (_WIDTH,) if kind == 'imagenet' else (_WIDTH, _MAPS)
    sizes = [[_first_axis(state, key) for key in keys] for state in (weights, model_state)]
    pairs = list(zip(*sizes, strict=True))
    if all(theirs == ours or None in (theirs, ours) for theirs, ours in pairs):
        return
    theirs, ours = (
        f'HRNet-W{width}' + (f' with {maps[0]} heatmaps' if maps else '') for width, *maps in sizes
    )
    width, maps = sizes[0][0], sizes[0][-1]
    hint = 'use a config of that width and number of keypoints'
    if kind != 'imagenet' and width in (32, 48) and maps in _CONFIGS:
        name = _CONFIGS[maps].format(width=f'w{width}')
        if kind == 'centergroup':
            name = name.replace('higherhrnet_center', 'centergroup')
        hint = f'use configs/{name}.py or one derived from it'
    raise UserError(f'{source} is an {theirs}, the config wants an {ours}: {hint}')


def _first_axis(state: Mapping[str, Tensor], key: str) -> int | None:
    """Length of the first axis of the tensor called ``key`` in any module, None without one."""
    for name, value in state.items():
        if f'.{name}'.endswith(f'.{key}') and value.ndim:
            return value.shape[0]
    return None


def _reason(kind: str, name: str) -> str | None:
    """Why a tensor is left out, None if it is unknown."""
    if kind != 'imagenet':
        return None
    if name.startswith(_CLASSIFIER):
        return 'part of the classifier'
    if _UNUSED_FUSION.match(name.removeprefix('backbone.')):
        return 'fuses into resolutions that only a classifier reads'
    return None


def _add_counters(result: Conversion, expected: Mapping[str, Tensor]) -> None:
    """Add the counters of batch norms, which checkpoints before PyTorch 0.4.1 do not have."""
    counters = [name for name in expected if name.endswith('.num_batches_tracked')]
    if not any(name in result.state for name in counters):
        result.state.update({name: torch.zeros((), dtype=torch.long) for name in counters})
        result.added = counters


def _by_module(names: Iterable[str]) -> dict[str, int]:
    """Count names by ``backbone``, ``head.neck``, ..."""
    return dict(Counter('.'.join(n.split('.')[: 2 if n.startswith('head.') else 1]) for n in names))
