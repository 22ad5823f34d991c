"""Settings that nothing reads or that cannot be right end in one line, which names the nearest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from centergroup_mm.utils.checks import load_config
from centergroup_mm.utils.config_checks import check_options
from centergroup_mm.utils.errors import UserError

from ..conftest import ROOT

TINY = str(ROOT / 'configs/centergroup_tiny_synthetic.py')


@pytest.mark.parametrize(
    'path',
    [
        'configs/centergroup_w48_crowdpose_ms.py',
        'configs/higherhrnet_w32_coco.py',
        'configs/centergroup_w16_coco_overfit.py',
        'configs/centergroup_movenet_photos_ms.py',
        'projects/offsets/configs/offsets_w32_coco.py',
    ],
)
def test_shipped_configs_have_no_unknown_setting(path: str) -> None:
    load_config(str(ROOT / path))


def test_what_the_heads_read_of_test_cfg_can_be_set() -> None:
    found = set()
    for path in (ROOT / 'centergroup_mm' / 'models').rglob('*.py'):
        found |= set(re.findall(r"test_cfg(?:, |[ \w{}()]*\.get\()'(\w+)'", path.read_text()))
    assert {'output_attention', 'output_heatmaps', 'flip_test', 'score_thr'} <= found
    for key in found:
        check_options(load_config(TINY), {f'model.test_cfg.{key}': True})


@pytest.mark.parametrize(
    ('option', 'value', 'line'),
    [
        ('model.test_cfg.flip_tset', False, 'test_cfg has no flip_tset; did you mean flip_test?'),
        ('test_dataloder.batch_size', 1, 'has no test_dataloder; did you mean test_dataloader?'),
        ('train_dataloader.batchsize', 1, 'has no batchsize; did you mean batch_size?'),
        ('model.head.num_slot', 5, 'head has no num_slot; did you mean num_slots?'),
        ('optim_wrapper.optimizer.lrate', 1, 'optimizer has no lrate; did you mean'),
        ('default_hooks.checkpoint.intervall', 1, 'did you mean interval?'),
        ('moedl', {}, 'has no moedl; did you mean model?'),
        ('env_cfg.dist_cfg.tiimeout', 1, 'dist_cfg has no tiimeout; did you mean timeout?'),
        ('model.backbone.extra.stage1.blokc', 1, 'stage1 has no blokc; did you mean block?'),
        ('default_hooks.finite_trainign', {}, 'did you mean finite_training?'),
        ('val_evaluator.ann_file', True, 'val_evaluator.ann_file is True: it has to be text'),
        ('val_dataloader.dataset.pipeline', -1, 'pipeline is -1: it has to be a list of dicts'),
        ('model.test_cfg.flip_test', 'maybe', "model.test_cfg.flip_test is 'maybe'"),
        ('model.test_cfg.score_thr', float('nan'), 'score_thr is nan'),
        ('model.head.num_slots', 0, 'model.head.num_slots is 0: it can be 1 to 1000'),
        ('model.head.num_slots', -1, 'num_slots is -1'),
        ('model.head.num_slots', 5000, 'num_slots is 5000'),
        ('train_dataloader.batch_size', 0, 'batch_size is 0'),
        ('model.head.decoder.input_size', (0, 0), r'input_size is \(0, 0\)'),
        ('val_dataloader.dataset.pipeline.1.input_size', (-64, 64), 'input_size is'),
        ('val_dataloader.dataset.pipeline.1.size_factor', 1, 'size_factor is 1'),
    ],
)
def test_a_wrong_setting_is_named(option: str, value: object, line: str) -> None:
    with pytest.raises(UserError, match=line):
        load_config(TINY, {option: value})


def test_settings_that_exist_may_be_added() -> None:
    cfg = load_config(TINY, {'model.test_cfg.nms_thr': 0.5, 'train_dataloader.drop_last': True})
    assert cfg.train_dataloader.drop_last


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('model = dict(', 'cannot be read'),
        ('a = 1 / 0', 'ZeroDivisionError'),
        ("custom_imports = dict(imports=['not_there'])", 'imports what is not there'),
        ("_base_ = ['missing.py']", 'cannot be read'),
        ('a = 1', 'broken.py has no model'),
        ('model = [1]', 'model is'),
        ('moedl = dict()\nmodel = dict(a=1)', 'moedl: nothing reads it; did you mean model?'),
    ],
)
def test_a_broken_config_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / 'broken.py'
    path.write_text(text)
    with pytest.raises(UserError, match=line):
        load_config(str(path))
