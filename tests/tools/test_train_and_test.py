"""tools/train.py and tools/test.py, run as a user runs them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ..helpers.tools import last_error, run_tool, start_two

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'tests' / 'helpers' / 'toy_config.py'


def tool(name: str, *arguments: object, cwd: Path) -> tuple[int, str]:
    """Run a tool and return its exit status and everything it printed."""
    done = run_tool(f'tools/{name}', *arguments, cwd=cwd)
    return done.status, done.output


def two_processes(name: str, *arguments: object, cwd: Path) -> tuple[set[int], str]:
    """Run a tool as two processes that train together, to its end."""
    ended = [call.wait() for call in start_two(f'tools/{name}', *arguments, cwd=cwd)]
    return {done.status for done in ended}, ''.join(done.output for done in ended)


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """One training run of the toy model, and what it printed."""
    folder = tmp_path_factory.mktemp('trained')
    status, output = tool('train.py', CONFIG, '--work-dir', folder / 'run', cwd=folder)
    assert status == 0, output
    return folder / 'run', output


def test_train_validates_and_keeps_the_best(trained: tuple[Path, str]) -> None:
    folder, output = trained
    assert (folder / 'epoch_2.pth').is_file()
    assert list(folder.glob('best_toy_AP*.pth'))
    if not torch.cuda.is_available():
        assert 'full precision' in output


def test_checkpoint_holds_only_plain_content(trained: tuple[Path, str]) -> None:
    content = torch.load(trained[0] / 'epoch_2.pth', map_location='cpu', weights_only=True)
    assert {'meta', 'state_dict', 'message_hub', 'optimizer', 'param_schedulers'} <= set(content)
    assert content['meta']['dataset_meta']['keypoint_colors'] == [[255, 0, 0], [0, 255, 0]]


def test_resume_goes_on_with_the_log(trained: tuple[Path, str], tmp_path: Path) -> None:
    arguments = ('--work-dir', tmp_path, '--resume', trained[0] / 'epoch_1.pth')
    status, output = tool('train.py', CONFIG, *arguments, cwd=tmp_path)
    assert status == 0, output
    assert 'resumed epoch: 1, iter: 4' in output
    assert 'metainfo from the resumed checkpoint is different' not in output
    assert 'not HistoryBuffer' not in output
    first, second = (
        torch.load(d / 'epoch_2.pth', weights_only=True) for d in (trained[0], tmp_path)
    )
    hubs = [content['message_hub']['log_scalars'] for content in (first, second)]
    assert len(hubs[0]['train/loss']['log_history']) == len(hubs[1]['train/loss']['log_history'])
    # the sampler starts anew from the epoch, so the very same weights come out
    torch.testing.assert_close(first['state_dict'], second['state_dict'])
    assert first['message_hub']['runtime_info']['iter'] == 7


def test_auto_resume_without_a_checkpoint_starts(tmp_path: Path) -> None:
    arguments = ('--work-dir', tmp_path, '--resume', '--no-validate', '--auto-scale-lr')
    options = ('--cfg-options', 'train_cfg.max_epochs=1', 'default_hooks.logger.interval=4')
    status, output = tool('train.py', CONFIG, *arguments, *options, cwd=tmp_path)
    assert status == 0, output
    assert 'LR is set based on batch size of 8' in output
    status, output = tool('train.py', CONFIG, '--work-dir', tmp_path, '--resume', cwd=tmp_path)
    assert status == 0, output
    assert 'resumed epoch: 1' in output


def test_test_writes_metrics_and_predictions(trained: tuple[Path, str], tmp_path: Path) -> None:
    files = ('--out', tmp_path / 'metrics.json', '--dump', tmp_path / 'predictions.pkl')
    options = ('--cfg-options', 'test_evaluator.collect_device=cpu')
    arguments = (CONFIG, trained[0] / 'epoch_2.pth', '--work-dir', tmp_path / 'run', *files)
    arguments = (*arguments, *options)
    status, output = tool('test.py', *arguments, cwd=tmp_path)
    assert status == 0, output
    assert set(json.loads((tmp_path / 'metrics.json').read_text())) == {'toy/AP'}
    assert (tmp_path / 'predictions.pkl').stat().st_size > 0


def test_published_checkpoints_are_small_and_load(
    trained: tuple[Path, str], tmp_path: Path, call: Callable
) -> None:
    source, target = trained[0] / 'epoch_2.pth', tmp_path / 'small.pth'
    status, output = call('publish_checkpoint.py', source, target, '--half')
    assert status == 0, output
    content = torch.load(target, weights_only=True)
    full = torch.load(source, weights_only=True)
    assert set(content) == {'state_dict', 'meta'}
    for name, value in full['state_dict'].items():
        half = value.half() if value.is_floating_point() else value
        assert torch.equal(content['state_dict'][name], half)
    assert content['meta']['dataset_meta'] == full['meta']['dataset_meta']
    assert target.stat().st_size < source.stat().st_size
    status, output = call('publish_checkpoint.py', source, target)
    assert status == 2 and '--overwrite' in last_error(output)
    status, output = tool('test.py', CONFIG, target, '--work-dir', tmp_path / 'run', cwd=tmp_path)
    assert status == 0 and 'toy/AP' in output
    full['state_dict']['large'] = torch.tensor([1e6])
    torch.save(full, tmp_path / 'large.pth')
    status, output = call(
        'publish_checkpoint.py', tmp_path / 'large.pth', tmp_path / 'other.pth', '--half'
    )
    assert status == 2 and 'leave out --half' in last_error(output)
    assert not (tmp_path / 'other.pth').exists()


def test_a_checkpoint_with_other_things_than_tensors_is_not_published(
    tmp_path: Path, call: Callable
) -> None:
    state = dict(weight=torch.ones(1), notes='text')
    torch.save(dict(state_dict=state), tmp_path / 'odd.pth')
    status, output = call('publish_checkpoint.py', tmp_path / 'odd.pth', tmp_path / 'new.pth')
    assert status == 2 and last_error(output).endswith('odd.pth: notes is no tensor, but str')
    assert not (tmp_path / 'new.pth').exists()


def test_two_processes(tmp_path: Path) -> None:
    arguments = ('--work-dir', tmp_path / 'run', '--launcher', 'pytorch')
    statuses, output = two_processes('train.py', CONFIG, *arguments, cwd=tmp_path)
    assert statuses == {0}, output
    assert 'Epoch(train) [2][2/2]' in output  # 8 samples, 2 processes of 2 samples: 2 steps
    checkpoint = tmp_path / 'run' / 'epoch_2.pth'
    arguments = (CONFIG, checkpoint, '--work-dir', tmp_path / 'run', '--launcher', 'pytorch')
    statuses, output = two_processes('test.py', *arguments, cwd=tmp_path)
    assert statuses == {0}, output
    assert 'toy/AP' in output


@pytest.mark.slow
def test_torchrun_starts_two_processes(tmp_path: Path) -> None:
    arguments = ('--standalone', '--nproc_per_node', '2', ROOT / 'tools' / 'train.py', CONFIG)
    options = ('--work-dir', tmp_path / 'run', '--launcher', 'pytorch')
    done = run_tool('-m torch.distributed.run', *arguments, *options, cwd=tmp_path)
    assert done.status == 0, done.output
    assert 'Epoch(train) [2][2/2]' in done.output


@pytest.mark.parametrize('name', ['train.py', 'test.py'])
def test_help_teaches_by_examples(name: str, tmp_path: Path, call: Callable) -> None:
    status, output = call(name, '--help')
    assert status == 0
    assert f'python tools/{name} configs/centergroup_w32_coco.py' in output


def test_missing_config(tmp_path: Path, call: Callable) -> None:
    status, output = call('train.py', 'no_config.py')
    assert status == 2
    assert last_error(output) == f'error: config not found: {tmp_path / "no_config.py"}'


def test_options_without_a_value(tmp_path: Path, call: Callable) -> None:
    status, output = call('train.py', CONFIG, '--cfg-options', 'lr')
    assert status == 2
    assert 'wants key=value pairs' in output.strip().splitlines()[-1]


def test_missing_data(tmp_path: Path, call: Callable) -> None:
    options = ('train_dataloader.dataset.ann_file=labels.json', 'data_hint=run:{root}')
    option = 'train_dataloader.dataset.data_root=here'
    status, output = call('train.py', CONFIG, '--cfg-options', *options, option)
    assert status == 2
    line = last_error(output)
    assert str(tmp_path / 'here' / 'labels.json') in line
    assert f'run:{tmp_path / "here"}' in line


def test_scales_of_data_and_model_must_agree(tmp_path: Path, call: Callable) -> None:
    config = ROOT / 'configs' / 'centergroup_tiny_synthetic.py'
    option = 'model.test_cfg.multiscale_test=True'
    status, output = call('train.py', config, '--cfg-options', option)
    assert status == 2
    line = last_error(output)
    assert 'val_dataloader' in line and 'one scale' in line and '_ms.py' in line


def test_missing_coco_and_stage_one(tmp_path: Path, call: Callable) -> None:
    config = ROOT / 'configs' / 'centergroup_w32_coco.py'
    status, output = call('train.py', config)
    assert status == 2
    assert 'tools/train.py configs/higherhrnet_center_w32_coco.py' in last_error(output)
    status, output = call('train.py', config, '--cfg-options', 'load_from=None')
    assert status == 2
    line = last_error(output)
    assert str(tmp_path / 'data/coco/annotations/person_keypoints_train2017.json') in line
    assert 'cocodataset.org' in line


def test_wrong_checkpoints(trained: tuple[Path, str], tmp_path: Path, call: Callable) -> None:
    good = (trained[0] / 'epoch_2.pth').read_bytes()
    (tmp_path / 'text.pth').write_text('not a checkpoint')
    (tmp_path / 'short.pth').write_bytes(good[: len(good) // 2])
    torch.save({'state_dict': {}}, tmp_path / 'empty.pth')
    torch.save({'code': CodeToRun()}, tmp_path / 'code.pth')
    expected = {
        'absent.pth': 'checkpoint not found',
        'text.pth': 'is not a readable checkpoint',
        'short.pth': 'is not a readable checkpoint',
        'empty.pth': 'holds no weights',
        'code.pth': 'posix.system',
    }
    for name, message in expected.items():
        status, output = call('test.py', CONFIG, tmp_path / name)
        assert status == 2, output
        assert message in last_error(output)
    assert not (tmp_path / 'ran').exists()


def test_flags_that_cannot_do_what_they_say(
    trained: tuple[Path, str], tmp_path: Path, call: Callable
) -> None:
    checkpoint = trained[0] / 'epoch_2.pth'
    (tmp_path / 'file').write_text('')
    for flags, message in {
        ('--badcase',): 'does not know bottom-up models',
        ('--out', tmp_path / 'file/metrics.json'): 'cannot be written',
        ('--show-dir', tmp_path / 'file/drawn'): '--show-dir',
        ('--show-dir', tmp_path, '--interval', 0): '--interval is 0',
        ('--launcher', 'pytorch'): 'start the processes with torchrun',
        ('--launcher', 'slurm'): 'start the processes with srun',
        ('--cfg-options', 'model.widht=3'): 'did you mean width?',
    }.items():
        status, output = call('test.py', CONFIG, checkpoint, *flags)
        assert status == 2 and message in last_error(output), output
    status, output = call('train.py', CONFIG, '--work-dir', tmp_path / 'file')
    assert status == 2 and 'cannot be used as a folder' in last_error(output)


def test_checkpoint_of_another_width(trained: tuple[Path, str], tmp_path: Path) -> None:
    options = ('--cfg-options', 'model.width=3')
    status, output = tool('test.py', CONFIG, trained[0] / 'epoch_2.pth', *options, cwd=tmp_path)
    assert status == 2
    assert 'linear.weight is missing or has another shape' in last_error(output)


def test_weights_alone_cannot_be_resumed(tmp_path: Path, call: Callable) -> None:
    torch.save({'state_dict': {'linear.weight': torch.ones(1, 1)}}, tmp_path / 'weights.pth')
    status, output = call('train.py', CONFIG, '--resume', tmp_path / 'weights.pth')
    assert status == 2
    assert 'cannot be resumed' in last_error(output)


class CodeToRun:
    """Would leave a file behind if a checkpoint were unpickled without care."""

    def __reduce__(self) -> tuple:
        return (os.system, ('touch ran',))
