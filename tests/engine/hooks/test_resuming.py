"""Trainings that are stopped and resumed: nothing is lost, and the same weights come out."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from centergroup_mm.checkpoints.resume import find_resumable, lock_work_dir, prepare_resume
from centergroup_mm.engine.hooks import TrainingStopped
from centergroup_mm.engine.storage import AtomicLocalBackend
from centergroup_mm.utils.errors import UserError

from ...helpers.noisy import noisy_config, train, weights


def stop_at(iteration: int, number: signal.Signals = signal.SIGTERM):
    """Send this process a signal in an iteration."""
    return lambda runner: runner.iter == iteration and os.kill(os.getpid(), number)


@pytest.fixture(scope='module', autouse=True)
def _without_description_of_the_machine():
    """Mmengine calls compilers to describe it, which takes most of the time of a short run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.runner.runner.collect_env', dict)
        yield


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict]:
    """Weights of trainings that were never stopped, without a seed in the config."""
    result = {}
    for by_epoch in (True, False):
        folder = tmp_path_factory.mktemp('whole')
        train(noisy_config(folder, by_epoch))
        result[by_epoch] = weights(folder / ('epoch_2.pth' if by_epoch else 'iter_8.pth'))
    return result


@pytest.mark.parametrize(('by_epoch', 'iteration'), [(True, 1), (True, 3), (False, 4)])
def test_a_training_stopped_in_any_iteration_resumes_to_the_same_weights(
    tmp_path: Path, whole: dict, by_epoch: bool, iteration: int
) -> None:
    with pytest.raises(TrainingStopped) as stopped:
        train(noisy_config(tmp_path, by_epoch), stop_at(iteration))
    assert stopped.value.code == 143
    cfg = noisy_config(tmp_path, by_epoch, resume=True, randomness=dict(seed=None))
    prepare_resume(cfg)
    assert torch.load(cfg.load_from, weights_only=True)['meta']['iter'] == iteration + 1
    train(cfg)
    name = 'epoch_2.pth' if by_epoch else 'iter_8.pth'
    torch.testing.assert_close(weights(tmp_path / name), whole[by_epoch], rtol=0, atol=0)
    assert by_epoch is False or not list(tmp_path.glob('iter_*.pth')), 'left inside an epoch'


@pytest.mark.parametrize('by_epoch', [True, False])
def test_loader_processes_draw_the_same_numbers_after_resuming(
    tmp_path: Path, by_epoch: bool
) -> None:
    train(noisy_config(tmp_path / 'whole', by_epoch, workers=1))
    with pytest.raises(TrainingStopped) as stopped:
        train(noisy_config(tmp_path, by_epoch, workers=1), stop_at(5, signal.SIGINT))
    assert stopped.value.code == 130
    cfg = noisy_config(tmp_path, by_epoch, workers=1, resume=True)
    prepare_resume(cfg)
    train(cfg)
    name = 'epoch_2.pth' if by_epoch else 'iter_8.pth'
    ours, theirs = weights(tmp_path / name), weights(tmp_path / 'whole' / name)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_epochs_draw_different_numbers(tmp_path: Path) -> None:
    drawn = []
    train(noisy_config(tmp_path, True), lambda runner: drawn.append(torch.rand(1).item()))
    assert len(set(drawn)) == 8


def test_the_newest_complete_checkpoint_is_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TrainingStopped):
        train(noisy_config(tmp_path, False), stop_at(6))
    assert find_resumable(tmp_path).endswith('iter_7.pth')
    (tmp_path / 'last_checkpoint').unlink()
    assert find_resumable(tmp_path).endswith('iter_7.pth'), 'without last_checkpoint'
    (tmp_path / 'last_checkpoint').write_text('')
    newest = tmp_path / 'iter_7.pth'
    newest.write_bytes(newest.read_bytes()[:-100])
    capsys.readouterr()
    assert find_resumable(tmp_path).endswith('iter_6.pth'), 'the newest is cut off'
    newest.write_bytes(b'')
    assert find_resumable(tmp_path).endswith('iter_6.pth'), 'the newest is empty'
    (tmp_path / 'iter_6.pth').write_bytes(b'')
    (tmp_path / 'iter_3.pth').write_bytes(b'')
    with pytest.raises(UserError, match=r'no checkpoint in .* can be resumed'):
        find_resumable(tmp_path)
    assert find_resumable(tmp_path / 'empty') is None


def test_a_kill_between_a_checkpoint_and_its_name_is_repaired(tmp_path: Path) -> None:
    train(noisy_config(tmp_path, True))
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))
    cfg = noisy_config(tmp_path, True, resume=True)
    prepare_resume(cfg)
    train(cfg)  # there is nothing left to train, so nothing is saved
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'epoch_2.pth')


def test_a_full_disk_loses_nothing_and_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_write = Path.write_bytes

    def write(path: Path, data: bytes) -> int:
        if 'iter_6' in path.name:
            whole_write(path, data[: len(data) // 2])
            raise OSError(28, 'No space left on device')
        return whole_write(path, data)

    monkeypatch.setattr(Path, 'write_bytes', write)
    cfg = noisy_config(tmp_path, False)
    cfg.default_hooks.checkpoint.max_keep_ckpts = 1
    with pytest.raises(UserError, match=r'iter_6\.pth cannot be written: .*No space left'):
        train(cfg)
    assert [path.name for path in tmp_path.glob('*.pth') if 'best' not in path.name] == [
        'iter_3.pth'
    ]
    assert find_resumable(tmp_path).endswith('iter_3.pth')


def test_an_old_checkpoint_is_removed_after_the_new_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = []
    remove = AtomicLocalBackend.remove

    def look(backend: AtomicLocalBackend, path: str) -> None:
        present.append((Path(path).name, sorted(p.name for p in tmp_path.glob('*.pth'))))
        remove(backend, path)

    monkeypatch.setattr(AtomicLocalBackend, 'remove', look)
    cfg = noisy_config(tmp_path, True)
    cfg.default_hooks.checkpoint.max_keep_ckpts = 1
    train(cfg)
    assert ('epoch_1.pth', ['best_toy_AP_epoch_1.pth', 'epoch_1.pth', 'epoch_2.pth']) in present
    removed_best = [names for name, names in present if name == 'best_toy_AP_epoch_1.pth']
    assert all('best_toy_AP_epoch_2.pth' in names for names in removed_best)
    assert [path.name for path in tmp_path.glob('epoch*.pth')] == ['epoch_2.pth']


@pytest.mark.parametrize('where', ['loss', 'weights'])
def test_training_ends_when_numbers_are_not_finite(tmp_path: Path, where: str) -> None:
    def spoil(runner) -> None:
        if runner.iter == 5:
            runner.model.linear[0].weight.data.fill_(float('nan'))
        if runner.iter == 5 and where == 'weights':  # the loss of this step does not show it
            runner.model.forward = lambda **_: dict(loss=runner.model.linear[3].bias.sum())

    with pytest.raises(UserError) as stopped:
        train(noisy_config(tmp_path, False), spoil)
    assert 'not finite' in str(stopped.value) and 'iter_3.pth' in str(stopped.value)
    saved = [weights(path) for path in tmp_path.glob('*.pth')]
    assert saved and all(bool(value.isfinite().all()) for one in saved for value in one.values())


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    first = lock_work_dir(tmp_path)
    with pytest.raises(UserError, match=f'in use by process {os.getpid()} on'):
        lock_work_dir(tmp_path)
    os.close(first)
    os.close(lock_work_dir(tmp_path))
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='cannot be used as a folder'):
        lock_work_dir(tmp_path / 'file')


def test_a_signal_during_validation_saves(tmp_path: Path) -> None:
    cfg = noisy_config(tmp_path, False)
    cfg.default_hooks.checkpoint.interval = 100
    from mmengine.hooks import Hook

    class InValidation(Hook):
        def before_val_iter(self, runner, batch_idx, data_batch=None) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    from mmengine.runner import Runner

    cfg.experiment_name, cfg.default_scope = 'in_validation', 'mmpose'
    runner = Runner.from_cfg(cfg)
    runner.register_hook(InValidation())
    with pytest.raises(TrainingStopped):
        runner.train()
    assert torch.load(tmp_path / 'iter_3.pth', weights_only=True)['meta']['iter'] == 3


def test_handlers_of_signals_are_given_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TrainingStopped):
        train(noisy_config(tmp_path, True), stop_at(2))
    assert signal.getsignal(signal.SIGTERM) is before


def test_resume_without_a_checkpoint_starts(tmp_path: Path) -> None:
    cfg = SimpleNamespace(work_dir=str(tmp_path), resume=True, get=lambda key: None)
    prepare_resume(cfg)
    assert cfg.resume is False
