"""What a run reads is checked before it starts, and names both places where two differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mmengine.config import Config

from centergroup_mm.utils import annotation_files
from centergroup_mm.utils.checks import check_data
from centergroup_mm.utils.errors import UserError

from ..helpers.skeletons import FIVE, write_dataset, write_skeleton

VAL = ('val_dataloader',)


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    """Data of a config of five joints."""
    annotations = write_dataset(tmp_path / 'data', FIVE)
    write_skeleton(tmp_path / 'skeleton.py', FIVE)
    dataset = dict(
        type='BottomupCocoDataset',
        data_mode='bottomup',
        data_root=str(tmp_path / 'data'),
        ann_file='people.json',
        data_prefix=dict(img='images/'),
        metainfo=dict(from_file=str(tmp_path / 'skeleton.py')),
    )
    metric = dict(type='BottomupCocoMetric', ann_file=str(annotations))
    return Config(dict(val_dataloader=dict(dataset=dataset), val_evaluator=metric))


def change(folder: Path, function) -> Path:
    """Change the annotation file."""
    path = folder / 'data/people.json'
    content = json.loads(path.read_text())
    function(content)
    path.write_text(json.dumps(content))
    return path


def message(cfg: Config) -> str:
    with pytest.raises(UserError) as error:
        check_data(cfg, VAL)
    assert '\n' not in str(error.value)
    return str(error.value)


def test_a_good_file_is_read_once_and_handed_to_the_dataset(tmp_path, cfg, monkeypatch):
    check_data(cfg, VAL)
    path = tmp_path / 'data/people.json'
    monkeypatch.setattr(annotation_files, 'read_annotations', lambda *_, **__: 1 / 0)
    assert annotation_files.load_file(path, 5).counts['people'] == 8
    with pytest.raises(ZeroDivisionError):  # given away
        annotation_files.load_file(path, 5)


def test_a_file_that_changed_since_its_check_is_read_again(tmp_path, cfg):
    check_data(cfg, VAL)
    path = change(tmp_path, lambda content: content['annotations'].pop())
    assert annotation_files.load_file(path, 5).counts['people'] == 7


def test_what_is_wrong_is_said_before_the_run(tmp_path, cfg):
    change(tmp_path, lambda c: c['annotations'][3]['keypoints'].__setitem__(6, float('nan')))
    assert 'people.json: annotation 3 of image 1: x of joint 2 is nan; correct' in message(cfg)


def test_a_missing_image_is_said_before_the_run(tmp_path, cfg):
    (tmp_path / 'data/images/2.png').unlink()
    assert "image 2: file '2.png' is not in" in message(cfg)


def test_loader_and_metric_of_other_images_are_refused(tmp_path, cfg):
    content = json.loads((tmp_path / 'data/people.json').read_text())
    content['images'] = content['images'][:2]
    content['annotations'] = content['annotations'][:4]
    other = tmp_path / 'other.json'
    other.write_text(json.dumps(content))
    cfg.val_evaluator.ann_file = str(other)
    line = message(cfg)
    assert 'val_evaluator.ann_file and val_dataloader.dataset.ann_file must be' in line
    assert '(2 of 4, the first is 2)' in line


def test_crowd_evaluation_needs_crowd_indices(cfg):
    cfg.val_evaluator.iou_type = 'keypoints_crowd'
    assert 'image 0 has no crowdIndex' in message(cfg)


def test_nobody_to_evaluate_is_said(tmp_path, cfg):
    change(tmp_path, lambda content: content['annotations'].clear())
    assert 'no person has a labeled joint' in message(cfg)
    cfg.val_evaluator.format_only = True
    check_data(cfg, VAL)


@pytest.mark.parametrize(
    ('key', 'kind'), [('val_dataloader.dataset', 'Dataset'), ('val_evaluator', 'Metric')]
)
def test_classes_of_mmpose_are_refused_for_files_that_they_use_wrongly(tmp_path, cfg, key, kind):
    part = cfg.val_evaluator if kind == 'Metric' else cfg.val_dataloader.dataset
    part.type = f'Coco{kind}'
    check_data(cfg, VAL)
    change(tmp_path, lambda content: content['annotations'][0].pop('bbox'))
    line = message(cfg)
    assert line.startswith(key) and f'BottomupCoco{kind}' in line and 'bbox missing' in line


def test_the_metric_of_mmpose_is_refused_for_another_category(tmp_path, cfg):
    def renumber(content: dict) -> None:
        content['categories'][0]['id'] = 3
        for entry in content['annotations']:
            entry['category_id'] = 3

    change(tmp_path, renumber)
    check_data(cfg, VAL)
    cfg.val_evaluator.type = 'CocoMetric'
    assert 'have category 3, and it expects 1; name BottomupCocoMetric' in message(cfg)
