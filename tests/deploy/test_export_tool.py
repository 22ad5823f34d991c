"""The command that exports."""

from __future__ import annotations

import json
import runpy
import sys

import pytest
import torch

from centergroup_mm.deploy.export import METADATA_KEY

from ..conftest import ROOT
from ..helpers import exported

pytestmark = exported.needs_onnx


def call_tool(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run tools/export_onnx.py in this process and return its exit status."""
    monkeypatch.setattr(sys, 'argv', ['export_onnx.py', *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools/export_onnx.py'), run_name='__main__')
    return end.value.code


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{config}', 'no.pth', 'new.onnx'], 'checkpoint not found'),
        (['{config}', 'no.pth', '{file}'], 'exists: choose another name or pass --overwrite'),
        (['{config}', 'no.pth', 'new.onnx', '--check-only'], 'new.onnx not found'),
        (
            ['{config}', '{weights}', '{file}', '--check-only', '--images', '{empty}'],
            'holds 0 images',
        ),
        (
            ['{root}/configs/higherhrnet_w32_coco.py', '{weights}', 'new.onnx'],
            'does not fit the model',
        ),
    ],
)
def test_mistakes_end_in_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    (tmp_path / 'empty').mkdir()
    monkeypatch.chdir(tmp_path)
    names = dict(
        config=exported.short_config(),
        weights=exported.checkpoint(exported.short_config()),
        file=exported.onnx_file(),
        root=ROOT,
        empty=tmp_path / 'empty',
    )
    arguments = [argument.format(**names) for argument in arguments]
    status = call_tool(monkeypatch, *arguments)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert status == 2 and error.startswith('error: ') and message in error


def test_tool_checks_what_is_there(tmp_path, monkeypatch, capsys):
    config = exported.short_config()
    arguments = (config, exported.checkpoint(config), exported.onnx_file(), '--check-only')
    assert call_tool(monkeypatch, *arguments, '--threads', 1) == 0
    printed = capsys.readouterr().out
    assert printed.count(' 0 of ') == 6 and 'x as fast as eager torch, and ' in printed
    options = ('--precision', 'bfloat16', '--sides', 96, '--threads', 1)
    assert call_tool(monkeypatch, *arguments, *options) == 0
    printed = capsys.readouterr().out
    moved = [int(line.split(' of ')[0].split()[-1]) for line in printed.splitlines()[:-1]]
    assert len(moved) == 2 and sum(moved) > 0, printed  # random weights: rounding decides
    other = exported.graph(config)
    torch.nn.init.normal_(other.model.head.grouping[-1].query.weight)
    path = tmp_path / 'other.pth'
    torch.save(dict(state_dict=other.model.state_dict()), path)
    options = ('--check-only', '--sides', 96, '--threads', 1)
    assert call_tool(monkeypatch, config, path, exported.onnx_file(), *options) == 2
    assert 'disagree' in capsys.readouterr().err


@pytest.mark.extended
def test_tiny_model_without_flip_test(tmp_path, monkeypatch, capsys):
    path = tmp_path / 'model.onnx'
    arguments = (exported.TINY, exported.checkpoint(exported.TINY), path, '--check')
    options = ('--threads', 1, '--cfg-options', 'model.test_cfg.flip_test=False')
    assert call_tool(monkeypatch, *arguments, *options) == 0
    assert capsys.readouterr().out.count(' 0 of ') == 6
    onnx = pytest.importorskip('onnx')
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(metadata[METADATA_KEY])['flip_test'] is False
