"""Configs: misspelled settings, and values that cannot be right, in a short training."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import runner

from .commands import command
from .damage import cut, drop, flip
from .material import Material
from .outcome import Case, SilentlyWrong

#: parts that a config file resolves before anything reads it, or that only name something
IGNORED = ('work_dir', 'data_hint', 'experiment_name', 'log_level')
VALUES = (
    None, 0, -1, 1.5, math.nan, math.inf, 'maybe', '', True, (), [], {}, [1, 2, 3], 10**9, [None],
    dict(type='Nothing'), dict(type=5), -0.1,
)  # fmt: skip


def case(rng: random.Random, material: Material) -> Case:
    """One wrong setting and ``centergroup train``."""
    cfg = Config.fromfile(material.tiny).to_dict()
    kind = rng.choice(('key', 'key', 'value', 'value', 'value', 'bytes', 'text'))
    if kind == 'key':
        path, place, key = rng.choice(list(_settings(cfg)))
        wrong = _misspelled(key, rng, {*place, *cfg})
        option = f'{path}.{wrong}' if path else wrong
        return Case(f'{option}', _train_with(material, option, place[key], must=True), (wrong,))
    if kind == 'value':
        path, place, key = rng.choice([s for s in _settings(cfg) if s[2] not in IGNORED])
        value = rng.choice([v for v in VALUES if repr(v) != repr(place[key])])
        option = f'{path}.{key}' if path else key
        names = (option, key, 'model.py', str(place.get('type')))
        return Case(f'{option}={value!r}', _train_with(material, option, value), names)
    if kind == 'bytes':
        how = rng.choice((flip, cut, drop))
        data, title = how(material.tiny.read_bytes(), rng), f'{how.__name__} bytes'
    else:
        title = rng.choice(sorted(TEXTS))
        data = TEXTS[title].encode()

    def run(folder: Path) -> None:
        path = folder / 'damaged.py'
        path.write_bytes(data)
        _train(folder, path, material, [])

    return Case(title, run, ('damaged.py', '.', 'model'))


TEXTS = {
    'empty': '',
    'no Python': 'model = dict(',
    'failing': 'raise RuntimeError("no")\n',
    'exits': 'import sys\nsys.exit(0)\n',
    'missing import': 'import nothing_of_this_name\n',
    'missing base': '_base_ = ["nothing.py"]\n',
    'own base': '_base_ = ["damaged.py"]\n',
    'no model': 'a = 1\n',
    'model a list': 'model = [1]\n',
    'model without type': 'model = dict(a=1)\n',
    'unknown model': 'model = dict(type="Nothing")\n',
    'zero bytes': 'a = 1\0\n',
    'missing custom import': 'custom_imports = dict(imports=["nothing_here"])\nmodel = dict()\n',
}


def _settings(cfg: Any, path: str = '') -> Iterator[tuple[str, dict, str]]:
    """Yield path, dict and key of every setting that is in a dict."""
    for key, value in cfg.items():
        inner = f'{path}.{key}' if path else key
        if not path and key not in READ:
            continue
        if key not in ('init_cfg', 'meta_keys', 'type') and not key.startswith('_'):
            yield path, cfg, key
        if isinstance(value, dict) and key != 'init_cfg':
            yield from _settings(value, inner)
        if isinstance(value, (list, tuple)):
            for index, part in enumerate(value):
                if isinstance(part, dict):
                    yield from _settings(part, f'{inner}.{index}')


#: parts that a training reads
READ = (
    'model', 'train_dataloader', 'val_dataloader', 'val_evaluator', 'optim_wrapper',
    'param_scheduler', 'train_cfg', 'val_cfg', 'default_hooks', 'custom_hooks', 'randomness',
    'env_cfg', 'log_processor', 'visualizer',
)  # fmt: skip


def _misspelled(key: str, rng: random.Random, taken: set[str]) -> str:
    """A key with two letters swapped, one left out or one doubled."""
    while True:
        place = rng.randrange(max(1, len(key) - 1))
        wrong = rng.choice((
            key[:place] + key[place + 1 : place + 2] + key[place] + key[place + 2 :],
            key[:place] + key[place + 1 :],
            key[:place] + key[place] + key[place:],
        ))  # fmt: skip
        if wrong and wrong not in taken and not wrong.isdigit():
            return wrong


def _train_with(material: Material, option: str, value: Any, must: bool = False):
    """Train with one setting changed, which must be refused if ``must``."""

    def run(folder: Path) -> None:
        changed = folder / 'model.py'
        cfg = Config.fromfile(material.tiny).to_dict()
        place = cfg
        *path, key = option.split('.')
        for part in path:
            place = place[int(part) if isinstance(place, (list, tuple)) else part]
        place[key] = value
        changed.write_text(
            '\n'.join(f'{name} = {_source(part)}' for name, part in cfg.items()) + '\n'
        )
        _train(folder, changed, material, [])
        if must:
            raise SilentlyWrong('trained without a word')

    return run


def _source(value: Any) -> str:
    """Python of a value; nan and inf have no literal."""
    return repr(value).replace('nan', 'float("nan")').replace('inf,', 'float("inf"),')


def _train(folder: Path, config: Path, material: Material, options: list[str]) -> None:
    """Train one iteration, and look at what came out."""
    runner.collect_env = dict  # describing the machine takes seconds
    command('train', config, '--work-dir', folder / 'run', *options)
    saved = list((folder / 'run').glob('*.pth'))
    for path in saved:
        state = torch.load(path, weights_only=True)['state_dict']
        if not all(bool(torch.isfinite(value).all()) for value in state.values()):
            raise SilentlyWrong('a checkpoint whose weights are not finite')
    for path in (folder / 'run').rglob('scalars.json'):
        for line in path.read_text().splitlines():
            loss = json.loads(line).get('loss', 0.0)
            if not math.isfinite(loss):
                raise SilentlyWrong('a loss that is not finite')
