"""Checkpoint files: their weights come out as they were written, or a line does."""

from __future__ import annotations

import io
import os
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from centergroup_mm.checkpoints.resume import check_resumable, find_resumable
from centergroup_mm.inference import load_model

from .commands import command, script
from .damage import DAMAGES
from .material import Material
from .outcome import Case, SilentlyWrong

WAYS = ('load_model', 'test', 'convert', 'publish', 'resume', 'export')


class Code:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self) -> tuple:
        """Call a program."""
        return (os.system, ('touch executed',))


def _state(change: Any) -> Any:
    def changed(content: dict) -> Any:
        state = dict(content['state_dict'])
        change(state)
        return dict(content, state_dict=state)

    return changed


def _first(state: dict, value: Any) -> None:
    name = next(iter(state))
    state[name] = value(state[name])


#: content of the file -> another one, none of which is a model's
CONTENTS: dict[str, Any] = {
    'empty state': lambda c: dict(c, state_dict={}),
    'no state': lambda c: dict(meta=c.get('meta')),
    'a list': lambda c: [1, 2],
    'a tensor': lambda c: torch.ones(3),
    'None': lambda c: None,
    'state a list': lambda c: dict(c, state_dict=list(c['state_dict'].values())),
    'names are numbers': lambda c: dict(c, state_dict=dict(enumerate(c['state_dict'].values()))),
    'one tensor less': _state(lambda s: s.pop(next(iter(s)))),
    'one tensor more': _state(lambda s: s.update(extra=torch.ones(1))),
    'another shape': _state(lambda s: _first(s, lambda v: v[:1])),
    'a scalar': _state(lambda s: _first(s, lambda v: torch.tensor(1.0))),
    'no elements': _state(lambda s: _first(s, lambda v: v[:0])),
    'nan': _state(lambda s: _first(s, lambda v: v * torch.nan)),
    'infinite': _state(lambda s: _first(s, lambda v: v / 0)),
    'integers': _state(lambda s: _first(s, lambda v: v.to(torch.int64))),
    'complex': _state(lambda s: _first(s, lambda v: v.to(torch.complex64))),
    'sparse': _state(lambda s: _first(s, lambda v: v.to_sparse())),
    'text': _state(lambda s: _first(s, lambda v: 'weights')),
    'an array': _state(lambda s: _first(s, lambda v: v.numpy())),
    'code': lambda c: dict(c, extra=Code()),
    'code in the state': _state(lambda s: s.update(extra=Code())),
    'renamed': lambda c: dict(c, state_dict={f'net.{k}': v for k, v in c['state_dict'].items()}),
}


def case(rng: random.Random, material: Material) -> Case:
    """One file and one of the commands that load it."""
    kind = rng.choice(('bytes', 'bytes', 'content', 'content', 'format'))
    way = rng.choice(WAYS if kind != 'content' else [way for way in WAYS if way != 'resume'])
    original = material.weights.read_bytes()
    if way == 'resume':
        content = torch.load(material.weights, weights_only=True)
        original = resumable(content)
    if kind == 'bytes':
        how = rng.choice(DAMAGES)
        title, data = f'{how.__name__} bytes', how(original, rng)
    elif kind == 'content':
        title = rng.choice(sorted(CONTENTS))
        content = torch.load(material.weights, weights_only=True)
        data = _saved(CONTENTS[title](content))
    else:
        title = rng.choice(sorted(FORMATS))
        content = torch.load(material.weights, weights_only=True)
        data = FORMATS[title](content)
    good = (
        kind == 'format' and title in GOOD_FORMATS and way not in ('resume', 'convert', 'publish')
    )

    def run(folder: Path) -> None:
        path = folder / 'damaged.pth'
        path.write_bytes(data)
        try:
            state = load(way, path, material)
        finally:
            if list(folder.rglob('executed')):
                raise SilentlyWrong('code in the file was run')
        if way == 'publish' and kind == 'content':  # it knows no model, and copies what it gets
            expected = torch.load(path, weights_only=True)['state_dict']
        else:
            expected = expected_of(way, material)
        compare(state, expected)
        if kind != 'bytes' and not good and way != 'publish':
            raise SilentlyWrong(f'{way} took it')

    return Case(
        f'{title}, {way}', run, ('damaged.pth', 'iter_1.pth', 'backbone.conv1.weight'), good
    )


def load(way: str, path: Path, material: Material) -> dict[str, torch.Tensor] | None:
    """Load a checkpoint in one of several ways, and return what the model got of it."""
    if way == 'load_model':
        return load_model(str(material.config), str(path), 'cpu').state_dict()
    if way == 'test':
        command('test', material.config, path, '--out', 'metrics.json')
        return None
    if way == 'convert':
        command('convert', path, 'new.pth', '--config', material.config)
        return torch.load('new.pth', weights_only=True)['state_dict']
    if way == 'publish':
        script('publish_checkpoint.py', path, 'new.pth')
        return torch.load('new.pth', weights_only=True)['state_dict']
    if way == 'resume':
        (path.parent / 'iter_1.pth').write_bytes(path.read_bytes())
        find_resumable(path.parent)
        return check_resumable(str(path))['state_dict']
    script('draw_poses.py', material.config, path, material.images[0], 'poses.jpg')
    return None


def expected_of(way: str, material: Material) -> dict[str, torch.Tensor]:
    """What a way of loading gives for the undamaged file.

    A model that predicts has its batch normalization fused into its convolutions, so that its
    weights are others than those of the file, which resuming and publishing hand on.
    """
    if way in ('resume', 'publish'):
        return torch.load(material.weights, weights_only=True)['state_dict']
    return material.model.state_dict()


def compare(state: dict[str, torch.Tensor] | None, expected: dict[str, torch.Tensor]) -> None:
    """Raise SilentlyWrong if weights are not finite or not the expected ones."""
    if state is None:
        return
    for name, value in expected.items():
        if name.endswith('num_batches_tracked'):
            continue
        if name not in state or not torch.equal(state[name].float(), value.float()):
            raise SilentlyWrong(f'{name} is another than in the file')
        if not torch.isfinite(state[name]).all():
            raise SilentlyWrong(f'{name} is not finite')


def resumable(content: dict) -> bytes:
    """Bytes of a checkpoint of a training with the weights of another one."""
    return _saved({**content, 'meta': {'iter': 1}, 'message_hub': {}, 'optimizer': {}})


def _saved(content: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **how)
    return buffer.getvalue()


def _npz(content: dict) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{k: v.numpy() for k, v in list(content['state_dict'].items())[:3]})
    return buffer.getvalue()


#: content -> bytes of a file
FORMATS: dict[str, Any] = {
    'old format': lambda c: _saved(c, _use_new_zipfile_serialization=False),
    'state alone': lambda c: _saved(c['state_dict']),
    'of a distributed model': lambda c: _saved(
        dict(c, state_dict={f'module.{k}': v for k, v in c['state_dict'].items()})
    ),
    'a pickle': lambda c: pickle.dumps(dict(a=1)),
    'a pickle of code': lambda c: pickle.dumps(Code()),
    'old format with code': lambda c: _saved(Code(), _use_new_zipfile_serialization=False),
    'npz': _npz,
    'text': lambda c: b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3697917\n',
    'HTML': lambda c: b'<!DOCTYPE html><html><body>404</body></html>',
    'empty': lambda c: b'',
    'a zip': lambda c: b'PK\x05\x06' + bytes(18),
}
GOOD_FORMATS = ('old format', 'state alone', 'of a distributed model')
