"""Find settings of a config that nothing reads, or that cannot be what they are."""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.registry import Registry, init_default_scope

from .deprecation import OLD_NUM_KEYPOINTS
from .errors import UserError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: what a runner and the commands read at the top of a config, besides what configs define
TOP_LEVEL = _words(
    'auto_scale_lr custom_hooks custom_imports data_hint default_hooks default_scope '
    'env_cfg find_unused_parameters launcher load_from load_from_hint log_level '
    'log_processor metainfo model model_wrapper_cfg optim_wrapper param_scheduler '
    'randomness resume test_cfg test_dataloader test_evaluator train_cfg '
    'train_dataloader grouping_dataloader val_cfg val_dataloader val_evaluator visualizer '
    'vis_backends '
    'work_dir data_mode data_root dataset_type codec backend_args preprocess_cfg '
    'activation_checkpointing efficient_conv_bn_eval sync_bn experiment_name cfg'
)
#: of these, what configs define for themselves
NOT_READ = frozenset(('codec', 'vis_backends', 'cfg', 'metainfo', 'preprocess_cfg'))
#: keys of dicts that are no arguments of a constructor: last part of the path -> keys
PLAIN = {
    'test_cfg': _words(
        'flip_test flip_mode shift_heatmap multiscale_test score_thr nms_thr fp16 type '
        'output_heatmaps output_attention output_keypoint_indices align_corners '
        'restore_heatmap_size flip_direction aug_scales'
    ),
    'env_cfg': _words('cudnn_benchmark mp_cfg dist_cfg resource_limit'),
    'mp_cfg': _words('mp_start_method opencv_num_threads'),
    'dist_cfg': _words(
        'backend timeout init_backend port init_method world_size rank store group_name pg_options'
    ),
    'randomness': _words('seed diff_rank_seed deterministic'),
    'auto_scale_lr': _words('enable base_batch_size'),
    'extra': _words('stage1 stage2 stage3 stage4 upsample'),
    'stage': _words('num_modules num_branches block num_blocks num_channels multiscale_output'),
    'data_prefix': _words('img img_path'),
    'dataloader': _words(
        'batch_size num_workers persistent_workers pin_memory drop_last dataset sampler '
        'batch_sampler collate_fn worker_init_fn num_batch_per_epoch timeout '
        'prefetch_factor multiprocessing_context pin_memory_device generator shuffle '
        'in_order disable_subprocess_warning'
    ),
}
#: dicts whose keys are names of the user's: last part of the path -> those that configs have
NAMED = {
    'default_hooks': _words(
        'runtime_info timer sampler_seed logger param_scheduler checkpoint plain_checkpoint '
        'randomness finite_training graceful_stop sync_buffers visualization badcase '
        'draw_predictions early_stopping ema'
    ),
}
#: settings that are text, and settings that are lists
TEXTS = _words('ann_file data_root img')
LISTS = _words('pipeline datasets')
#: read by registries and runners before a constructor gets the rest
TAKEN = frozenset(('type', '_scope_', 'priority', 'constructor', 'optimizer', 'paramwise_cfg'))
#: settings with conventions of their own, which mmcv resolves
SKIPPED = frozenset(('init_cfg', 'norm_cfg', 'act_cfg', 'conv_cfg', 'upsample_cfg', 'metainfo'))
BOOLEAN = frozenset(
    ('flip_test', 'multiscale_test', 'shift_heatmap', 'persistent_workers', 'with_tags')
)
#: parts of a config that are dicts
PARTS = _words(
    'model train_dataloader val_dataloader test_dataloader optim_wrapper default_hooks env_cfg '
    'train_cfg val_cfg test_cfg'
)
MOST_SLOTS = 1000  # attention among 17 x 1000 keypoints needs more than a gigabyte a head
#: setting -> the least and the largest number it can be
RANGES = {
    'num_slots': (1, MOST_SLOTS),
    'batch_size': (1, math.inf),
    'num_workers': (0, math.inf),
    'max_iters': (1, math.inf),
    'max_epochs': (1, math.inf),
    'long_side': (32, math.inf),
    'score_thr': (-math.inf, math.inf),
    'nms_thr': (-math.inf, math.inf),
    'sigma': (1e-6, math.inf),
}


def check_options(cfg: Config, options: dict[str, Any]) -> None:
    """Raise a UserError if ``--cfg-options`` names a part of the config that does not exist.

    Args:
        cfg: the config before the options are merged.
        options: dotted path to value.
    """
    for path in options:
        place: Any = cfg
        name = ''
        for part in path.split('.'):
            if isinstance(place, (list, tuple)) or not hasattr(place, 'keys'):
                break  # mmengine says what is wrong with an index
            known = Keys(TOP_LEVEL | set(cfg), True) if not name else known_keys(name, place)
            if part not in place and known.lack(part):
                raise UserError(
                    f'--cfg-options {path}: {name or "the config"} has no {part}'
                    + nearest(part, known.names)
                )
            place, name = place.get(part), part


def check_settings(cfg: Config) -> None:
    """Raise a UserError for an argument that its class does not have, or a value out of range.

    Args:
        cfg: the whole config.
    """
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    own = cfg.to_dict()
    for key in own:  # variables of the config may have any other name
        if key not in TOP_LEVEL and difflib.get_close_matches(key, TOP_LEVEL, 1, 0.8):
            raise UserError(f'{key}: nothing reads it{nearest(key, TOP_LEVEL)}')
    read = {key: value for key, value in own.items() if key in TOP_LEVEL - NOT_READ}
    for key in PARTS:
        if read.get(key) is not None and not isinstance(read[key], dict):
            raise UserError(f'{key} is {read[key]!r:.60}: it has to be a dict')
    for path, place in _dicts(read, ''):
        name = path.rpartition('.')[2]
        known = known_keys(name, place)
        for key, value in place.items():
            if known.lack(key):
                owner = place.get('type', 'this setting')
                owner = owner if isinstance(owner, str) else owner.__name__
                raise UserError(f'{path}.{key}: {owner} has no {key}{nearest(key, known.names)}')
            check_value(f'{path}.{key}' if path else key, value)


def check_value(path: str, value: Any) -> None:
    """Raise a UserError for a value that cannot be right, whatever the config."""
    key = path.rpartition('.')[2]
    if key in TEXTS and not isinstance(value, (str, type(None))):
        raise UserError(f'{path} is {value!r:.60}: it has to be text')
    if key in LISTS and not (
        isinstance(value, (list, tuple)) and all(isinstance(part, dict) for part in value)
    ):
        raise UserError(f'{path} is {value!r:.60}: it has to be a list of dicts')
    if isinstance(value, float) and math.isnan(value):
        raise UserError(f'{path} is nan: give it a number')
    if key in BOOLEAN and not isinstance(value, (bool, int, type(None))):
        raise UserError(f'{path} is {value!r}: it can be True or False')
    if key in RANGES and value is not None:
        least, most = RANGES[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            if key != 'sigma':  # one for each level in some codecs
                raise UserError(f'{path} is {value!r}: it has to be a number')
        elif not least <= value <= most:
            bound = f'{least} to {most}' if most < math.inf else f'{least} or more'
            raise UserError(f'{path} is {value}: it can be {bound}')
    if key == 'input_size':
        sides = value if isinstance(value, (list, tuple)) else [value]
        if not all(isinstance(side, int) and side >= 32 for side in sides):
            raise UserError(
                f'{path} is {value!r}: it has to be pixels, (width, height), 32 or more'
            )
    if key == 'size_factor' and (not isinstance(value, int) or value < 1 or value % 32):
        raise UserError(
            f'{path} is {value!r}: it has to be a multiple of 32, the stride of the networks'
        )


class Keys(NamedTuple):
    """Keys that a dict of a config can have; others are possible unless it is ``closed``."""

    names: frozenset[str] | set[str]
    closed: bool

    def lack(self, key: str) -> bool:
        """Say whether a key is wrong: unknown, or almost a known one where others are possible."""
        if key in self.names:
            return False
        return self.closed or bool(difflib.get_close_matches(key, self.names, 1, 0.85))


def known_keys(name: str, place: Any) -> Keys:
    """Return the keys that a dict of a config can have.

    Args:
        name: last part of its path.
        place: the dict.
    """
    if name in NAMED:
        return Keys(NAMED[name], False)
    if 'type' not in place or name == 'test_cfg':
        stem = re.sub(r'^(train|val|test)_(?=dataloader)|(?<=stage)\d$', '', name)
        if stem in PLAIN:
            return Keys(PLAIN[stem], True)
    kind = place.get('type')
    cls = _find(kind) if isinstance(kind, str) else kind
    if not inspect.isclass(cls):
        return Keys(frozenset(), False)
    names: set[str] = set()
    for owner in cls.__mro__[:-1]:  # where a constructor passes the rest on, ask the next one
        if '__init__' not in vars(owner):
            continue
        parameters = inspect.signature(owner.__init__).parameters.values()
        names |= {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        if 'num_keypoints' in names:  # see utils/deprecation.py
            names.add(OLD_NUM_KEYPOINTS)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return Keys((names - {'self'}) | TAKEN, True)
    return Keys((names - {'self'}) | TAKEN, False)


def nearest(key: str, known: Any) -> str:
    """Name the known key that is most like one that is not known."""
    found = difflib.get_close_matches(key, sorted(known), 1, 0.5)
    return f'; did you mean {found[0]}?' if found else f'; it can be {", ".join(sorted(known))}'


def _dicts(value: Any, path: str) -> Iterator[tuple[str, dict]]:
    """Yield the dicts in a config with their paths."""
    if isinstance(value, dict):
        if path:
            yield path, value
        for key, inner in value.items():
            if key not in SKIPPED and not str(key).startswith('_'):
                yield from _dicts(inner, f'{path}.{key}' if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _dicts(inner, f'{path}.{index}')


def _find(name: str) -> Any:
    """Return the class that is registered under a name; None if there is none, or several."""
    from mmpose import registry

    own = [value for value in vars(registry).values() if isinstance(value, Registry)]
    found = []
    for one in own:
        current: Registry | None = one
        while current is not None:
            cls = current.module_dict.get(name.rpartition('.')[2])
            if cls is not None and cls not in found:
                found.append(cls)
            current = current.parent
    return found[0] if len(found) == 1 else None
