"""What every shipped config resolves to, kept as differences from a few full ones.

    # add a new config to the snapshot; configs that are in it keep what they have
    python -m tests.configs.snapshot configs/new_config.py

A setting is a path such as ``model.head.neck.in_channels``; entries of a list are numbered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine.config import Config

import centergroup_mm  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name('resolved.json')
#: what a run reads; all other names in a config are helper variables
READ = {
    'auto_scale_lr',
    'custom_hooks',
    'custom_imports',
    'data_hint',
    'default_hooks',
    'default_scope',
    'env_cfg',
    'load_from',
    'load_from_hint',
    'log_level',
    'log_processor',
    'metainfo',
    'model',
    'optim_wrapper',
    'param_scheduler',
    'randomness',
    'resume',
    'test_cfg',
    'test_dataloader',
    'test_evaluator',
    'train_cfg',
    'train_dataloader',
    'val_cfg',
    'val_dataloader',
    'val_evaluator',
    'visualizer',
}

Settings = dict[str, Any]


def shipped_configs() -> list[str]:
    """Return the paths of all configs but their bases, relative to the repository."""
    folders = [ROOT / 'configs', ROOT / 'configs/ablation', *ROOT.glob('projects/*/configs')]
    return sorted(p.relative_to(ROOT).as_posix() for f in folders for p in f.glob('*.py'))


def resolve(path: str) -> Settings:
    """Resolve a config and flatten what a run reads of it.

    Args:
        path: the config, relative to the repository.

    Returns:
        setting to value, a scalar, a list of scalars or an empty dict.
    """
    content = Config.fromfile(str(ROOT / path)).to_dict()
    return flatten({key: value for key, value in content.items() if key in READ})


def flatten(value: Any, prefix: str = '') -> Settings:
    """Flatten nested dicts and lists of dicts; tuples become lists, as in JSON."""
    if isinstance(value, dict) and value:
        items: Iterable = value.items()
    elif isinstance(value, (list, tuple)) and any(
        isinstance(v, (dict, list, tuple)) for v in value
    ):
        items = enumerate(value)
    else:
        return {prefix: list(value) if isinstance(value, tuple) else value}
    result = {}
    for key, inner in items:
        result.update(flatten(inner, f'{prefix}.{key}' if prefix else str(key)))
    return result


def read_snapshot() -> dict[str, Settings]:
    """Return the settings of every config in the snapshot."""
    stored = json.loads(FILE.read_text())
    result: dict[str, Settings] = {}
    for path, entry in stored.items():  # a config comes after the one that it differs from
        settings = dict(result[entry['from']]) if 'from' in entry else {}
        for key in entry.get('without', ()):
            del settings[key]
        result[path] = {**settings, **entry['set']}
    return result


def write_snapshot(configs: dict[str, Settings]) -> None:
    """Write settings of configs, each as the difference from the closest one before it."""
    stored: dict[str, Any] = {}
    for path, settings in configs.items():
        entry: dict[str, Any] = dict(set=settings)
        for other in stored:
            theirs = configs[other]
            changed = {k: v for k, v in settings.items() if k not in theirs or theirs[k] != v}
            without = [key for key in theirs if key not in settings]
            if len(changed) + len(without) < len(entry['set']) + len(entry.get('without', ())):
                entry = {'from': other, 'without': sorted(without), 'set': changed}
        stored[path] = {**entry, 'set': dict(sorted(entry['set'].items()))}
        if not stored[path].get('without', True):
            del stored[path]['without']
    FILE.write_text(_dump(stored))


def _dump(stored: dict[str, Any]) -> str:
    """JSON with one setting a line."""
    configs = []
    for path, entry in stored.items():
        lines = [
            f'  "{key}": {json.dumps(entry[key])},' for key in ('from', 'without') if key in entry
        ]
        values = [f'   {json.dumps(k)}: {json.dumps(v)}' for k, v in entry['set'].items()]
        body = '{\n' + ',\n'.join(values) + '\n  }' if values else '{}'
        configs.append(f' "{path}": {{\n' + '\n'.join([*lines, f'  "set": {body}']) + '\n }')
    return '{\n' + ',\n'.join(configs) + '\n}\n'


def main() -> None:
    """Add the configs of the command line."""
    configs = read_snapshot()
    for path in sys.argv[1:]:
        configs[Path(path).as_posix()] = resolve(path)
    write_snapshot(configs)


if __name__ == '__main__':
    main()
