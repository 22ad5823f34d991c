"""tools/convert_checkpoint.py, run as a user runs it."""

from __future__ import annotations

import argparse
import importlib
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from centergroup_mm.checkpoints.foreign import CAN_LEAVE_OUT

from ..helpers.official import NEEDS_OFFICIAL, ROOT, filled


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the tool in this process: exit status and everything it printed."""

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', ['convert_checkpoint.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / 'tools' / 'convert_checkpoint.py'), run_name='__main__')
        return end.value.code, ''.join(capfd.readouterr())

    return run


CONFIG = ROOT / 'configs' / 'higherhrnet_w32_coco.py'


def one_line(output: str) -> str:
    """The only line of an error."""
    assert output.startswith('error: ') and output.count('\n') == 1, output
    return output


def test_help_teaches_by_examples(call):
    status, output = call('--help')
    assert status == 0 and 'configs/centergroup_w32_coco.py' in output


@NEEDS_OFFICIAL
def test_the_tool_reports_and_does_not_overwrite(tmp_path, call):
    weights = dict(filled('higherhrnet_repo_w32_coco'))
    torch.save({'state_dict': weights, 'epoch': 1}, tmp_path / 'theirs.pth')
    status, output = call('theirs.pth', 'new/ours.pth', '--config', CONFIG)
    assert status == 0, output
    for line in ('a HigherHRNet detector: 1810 tensors', 'no weight: epoch', 'wrote new/ours.pth'):
        assert line in output
    first = torch.load(tmp_path / 'new' / 'ours.pth', weights_only=True)['state_dict']
    assert torch.equal(first['head.final_layers.0.bias'], weights['final_layers.0.bias'])
    status, output = call('theirs.pth', 'new/ours.pth', '--config', CONFIG)
    assert status == 2 and 'pass --overwrite' in one_line(output)
    weights['final_layers.0.bias'] = weights['final_layers.0.bias'] + 1
    torch.save(weights, tmp_path / 'theirs.pth')
    arguments = ('--config', CONFIG, '--overwrite', '--verbose')
    status, output = call('theirs.pth', 'new/ours.pth', *arguments)
    assert status == 0 and '  final_layers.0.bias -> head.final_layers.0.bias\n' in output
    second = torch.load(tmp_path / 'new' / 'ours.pth', weights_only=True)['state_dict']
    assert torch.equal(second['head.final_layers.0.bias'], weights['final_layers.0.bias'])
    status, output = call('theirs.pth', 'theirs.pth', '--config', CONFIG, '--force')
    assert status == 2 and 'is the checkpoint to convert' in one_line(output)
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['ours.pth']


@NEEDS_OFFICIAL
@pytest.mark.parametrize('legacy', [False, True])
def test_a_file_that_is_cut_off(legacy, tmp_path, call):
    weights = {f'layer1.{i}.conv1.weight': torch.randn(64, 64, 3, 3) for i in range(9)}
    torch.save(weights, tmp_path / 'whole.pth', _use_new_zipfile_serialization=not legacy)
    data = (tmp_path / 'whole.pth').read_bytes()
    for length in (0, 1, 20, 1000, 100_000, len(data) // 2, len(data) - 100, len(data) - 1):
        (tmp_path / 'cut.pth').write_bytes(data[:length])
        status, output = call('cut.pth', 'out.pth', '--config', CONFIG)
        assert status == 2, length
        assert 'cut.pth is not a readable checkpoint' in one_line(output), length
        assert not (tmp_path / 'out.pth').exists()


def test_files_that_are_no_checkpoints(tmp_path, call):
    (tmp_path / 'text.pth').write_text('import os\nnot a checkpoint\n')
    torch.save(torch.ones(3), tmp_path / 'tensor.pth')
    torch.save({'state_dict': {}, 'epoch': 1}, tmp_path / 'empty.pth')
    torch.save({'weight': torch.ones(3)}, tmp_path / 'other.pth')
    torch.save({'weight': torch.ones(3), 'code': CodeToRun()}, tmp_path / 'code.pth')
    expected = {
        'absent.pth': 'checkpoint not found',
        'text.pth': 'is not a readable checkpoint',
        'tensor.pth': 'is not a checkpoint of a model',
        'empty.pth': 'holds no weights',
        'other.pth': 'no CenterGroup, HigherHRNet or ImageNet HRNet checkpoint',
        'code.pth': 'posix.system',
    }
    for name, message in expected.items():
        status, output = call(name, 'out.pth', '--config', CONFIG)
        assert status == 2 and message in one_line(output), output
    assert not (tmp_path / 'ran').exists() and not (tmp_path / 'out.pth').exists()
    status, output = call('other.pth', 'out.pth', '--config', 'absent.py')
    assert status == 2 and 'config not found' in one_line(output)
    status, output = call('other.pth', 'tensor.pth/out.pth', '--config', CONFIG)
    assert status == 2


@NEEDS_OFFICIAL
def test_objects_of_lightning_are_left_out(tmp_path, call, monkeypatch):
    """Its checkpoints hold classes that need not be installed, and are not imported."""
    weights = filled('higherhrnet_repo_w32_coco')
    with monkeypatch.context() as patch:
        callback = framework_class(patch, 'pytorch_lightning.callbacks', 'ModelCheckpoint', object)
        settings = framework_class(patch, 'pytorch_lightning.utilities', 'AttributeDict', dict)
        hyper = settings(lr=1e-4, nested=settings(depth=3))
        hyper.note = 'an attribute beside the items'
        content = {
            'state_dict': {f'model.{k}': v for k, v in weights.items()},
            'callbacks': {callback: {'best': torch.tensor(1.0)}},
            'hyper_parameters': hyper,
            'args': argparse.Namespace(lr=1e-4),
        }
        torch.save(content, tmp_path / 'lightning.ckpt')
        content['extra'] = framework_class(patch, 'unheard_of', 'Thing', object)()
        torch.save(content, tmp_path / 'other.ckpt')
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('pytorch_lightning.callbacks')
    status, output = call('lightning.ckpt', 'ours.pth', '--config', CONFIG)
    if not CAN_LEAVE_OUT:
        assert status == 2 and 'torch 2.6 or newer leaves' in one_line(output)
        return
    assert status == 0 and 'no weight: callbacks, hyper_parameters, args' in output, output
    state = torch.load(tmp_path / 'ours.pth', weights_only=True)['state_dict']
    assert torch.equal(state['head.final_layers.0.bias'], weights['final_layers.0.bias'])
    status, output = call('other.ckpt', 'other.pth', '--config', CONFIG)
    assert status == 2 and 'it needs unheard_of.Thing' in one_line(output)


def framework_class(patch: pytest.MonkeyPatch, module: str, name: str, base: type) -> type:
    """A class in a module of a package that is not installed, while the patch lasts."""
    for path in (module.split('.')[0], module):
        patch.setitem(sys.modules, path, sys.modules.get(path, ModuleType(path)))
    made = type(name, (base,), {'__module__': module})
    patch.setattr(sys.modules[module], name, made, raising=False)
    return made


class CodeToRun:
    """Would leave a file behind if a checkpoint were unpickled without care."""

    def __reduce__(self) -> tuple:
        return (os.system, ('touch ran',))
