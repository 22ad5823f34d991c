"""mmengine's own functions run no code of a checkpoint, with the torch that is installed."""

from __future__ import annotations

import os
import tarfile
import threading
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader, load_checkpoint
from torch import Tensor, nn

import centergroup_mm  # noqa: F401
from centergroup_mm.checkpoints.load import check_checkpoint
from centergroup_mm.checkpoints.resume import _progress
from centergroup_mm.checkpoints.safe_loading import FORCE
from centergroup_mm.utils.errors import UserError

from ..conftest import ROOT
from ..helpers.noisy import noisy_config

TINY = ROOT / 'configs' / 'centergroup_tiny_synthetic.py'
PROTECTED = tuple(map(int, torch.__version__.split('.')[:2])) >= (2, 6)


class Code:
    """Leaves a folder behind when it is unpickled."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ('ran',)


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint that holds code, in a working directory where it would leave a trace."""
    monkeypatch.delenv(FORCE, raising=False)
    monkeypatch.chdir(tmp_path)
    content = dict(state_dict={'linear.weight': torch.ones(1, 1)}, meta={}, extra=Code())
    torch.save(content, tmp_path / 'hostile.pth')
    return tmp_path / 'hostile.pth'


def test_without_this_package_an_old_torch_runs_the_code(hostile: Path) -> None:
    unguarded = CheckpointLoader.load_checkpoint.__func__.__wrapped__
    if PROTECTED:
        with pytest.raises(Exception, match=r'[Ww]eights.only'):
            unguarded(CheckpointLoader, str(hostile))
        assert not Path('ran').exists()
    else:
        unguarded(CheckpointLoader, str(hostile), 'cpu')
        assert Path('ran').is_dir(), 'the danger is there, so that the other tests show something'


@pytest.mark.parametrize('how', ['load_checkpoint', 'Runner.load_checkpoint', 'Runner.resume'])
def test_mmengine_runs_none_of_it(hostile: Path, how: str) -> None:
    refused = pytest.raises(UserError, match=r'hostile\.pth is not a readable checkpoint: it needs')
    if how == 'load_checkpoint':
        with refused:
            load_checkpoint(nn.Linear(1, 1), str(hostile), map_location='cpu')
    else:
        cfg = noisy_config(Path('run'), by_epoch=True, experiment_name=f'hostile_{how}')
        runner = Runner.from_cfg(cfg)
        with refused:
            getattr(runner, how.partition('.')[2])(str(hostile))
    assert not Path('ran').exists()


def test_mmpose_runs_none_of_it(hostile: Path) -> None:
    from mmpose.apis import init_model  # after centergroup_mm

    with pytest.raises(UserError, match=r'hostile\.pth is not a readable checkpoint: it needs'):
        init_model(str(TINY), str(hostile), device='cpu')
    assert not Path('ran').exists()


class Writer(nn.Module):
    """Its program writes a file when it is loaded."""

    @torch.jit.export
    def __getstate__(self):
        return (torch.ones(1), self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]):
        torch.save(state[0], 'ran')
        self.training = state[1]

    def forward(self, x: Tensor) -> Tensor:
        return x


def program(path: Path) -> None:
    """An archive with code that torch before 2.6 runs, also when it shall load weights only."""
    torch.jit.script(Writer()).save(str(path))
    with pytest.warns(UserWarning) if not PROTECTED else pytest.raises(Exception, match='Script'):
        torch.load(path, weights_only=True)
    assert Path('ran').exists() != PROTECTED
    Path('ran').unlink(missing_ok=True)


def old_tar(path: Path) -> None:
    with tarfile.open(path, 'w') as tar:
        tar.add(__file__, 'storages')


@pytest.mark.parametrize(
    ('write', 'word'), [(program, 'TorchScript program'), (old_tar, 'tar file')]
)
def test_programs_are_refused_whoever_loads_them(hostile: Path, write, word: str) -> None:
    write(hostile)
    refused = pytest.raises(
        UserError, match=rf'hostile\.pth is not a readable checkpoint: .*{word}'
    )
    with refused:
        load_checkpoint(nn.Linear(1, 1), str(hostile), map_location='cpu')
    with refused:
        check_checkpoint(str(hostile))
    assert _progress(hostile)[0] == float('inf')
    assert not Path('ran').exists()


def test_threads_that_load_at_the_same_time_are_all_guarded(hostile: Path) -> None:
    original, refused = torch.load, []

    def load() -> None:
        for _ in range(20):
            try:
                CheckpointLoader.load_checkpoint(str(hostile))
            except UserError:
                refused.append(1)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 80 and not Path('ran').exists()
    assert torch.load is original and FORCE not in os.environ
