"""Checkpoints whose bytes have changed are refused, whoever loads them, and none runs code."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader

import centergroup_mm  # noqa: F401
from centergroup_mm.checkpoints.load import check_checkpoint, find_damage
from centergroup_mm.checkpoints.safe_loading import FORCE, guard_loading
from centergroup_mm.utils.errors import UserError


class Code:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ('ran',)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of two tensors."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'two.pth'
    torch.save(dict(state_dict=dict(a=torch.arange(100.0), b=torch.ones(50))), path)
    return path


def flip_a_bit_of_a_tensor(path: Path) -> None:
    with zipfile.ZipFile(path) as parts:
        name = next(name for name in parts.namelist() if name.endswith('data/0'))
    data = bytearray(path.read_bytes())
    place = data.index(torch.arange(100.0).numpy().tobytes())
    data[place + 41] ^= 1
    path.write_bytes(data)
    assert find_damage(str(path)) == name


def test_a_flipped_bit_in_a_tensor_is_found(path: Path) -> None:
    assert find_damage(str(path)) == ''
    flip_a_bit_of_a_tensor(path)
    assert torch.load(path, weights_only=True)['state_dict']['a'][10] != 10, 'torch reads it'
    with pytest.raises(UserError, match=r'two\.pth is damaged: the checksum of'):
        check_checkpoint(str(path))
    with pytest.raises(UserError, match=r'two\.pth is damaged: the checksum of'):
        CheckpointLoader.load_checkpoint(str(path))


def test_files_without_checksums_are_read(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    torch.save(content, path, _use_new_zipfile_serialization=False)
    assert find_damage(str(path)) == ''
    assert set(check_checkpoint(str(path))['state_dict']) == {'a', 'b'}


def test_mmengines_loader_runs_no_code_whatever_torch_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FORCE, raising=False)
    whole = torch.load

    def load(*args, **kwargs):  # as torch before 2.6 has it: unsafe, unless it is told otherwise
        kwargs.setdefault('weights_only', os.environ.get(FORCE) == '1')
        return whole(*args, **kwargs)

    monkeypatch.setattr('mmengine.runner.checkpoint.torch.load', load)
    torch.save(dict(state_dict=dict(a=torch.ones(1)), extra=Code()), path)
    with pytest.raises(UserError, match=r'two\.pth is not a readable checkpoint: it needs'):
        CheckpointLoader.load_checkpoint(str(path))
    assert not Path('ran').exists() and FORCE not in os.environ
    guard_loading()
    assert CheckpointLoader.load_checkpoint.__func__.guarded, 'a second call changes nothing'
