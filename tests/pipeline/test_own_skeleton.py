"""A user with another skeleton changes one line, and contradictions end in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import DATASETS, MODELS

import centergroup_mm  # noqa: F401
from centergroup_mm.utils.checks import check_data, load_config
from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.skeleton import fill_detector
from centergroup_mm.utils.skeleton_checks import LOADERS, annotated_keypoints

from ..conftest import ROOT
from ..helpers.skeletons import FIVE, FOURTEEN, write_dataset, write_skeleton
from ..tools.test_train_and_test import last_error, tool


def write_config(folder: Path, base: str, *lines: str) -> Path:
    """Write a config that inherits from a shipped one."""
    path = folder / 'mine.py'
    path.write_text('\n'.join([f"_base_ = ['{ROOT / 'configs' / base}.py']", *lines]) + '\n')
    return path


def data_options(annotations: Path) -> dict[str, object]:
    """Settings that say where the data are, and that make a run short."""
    options: dict[str, object] = {
        'val_evaluator.ann_file': str(annotations),
        'test_evaluator.ann_file': str(annotations),
        'train_cfg.max_iters': 2,
        'train_cfg.val_interval': 2,
        'default_hooks.checkpoint.interval': 2,
        'train_dataloader.batch_size': 2,
    }
    for loader in LOADERS:
        options[f'{loader}.dataset.data_root'] = str(annotations.parent)
        options[f'{loader}.dataset.ann_file'] = annotations.name
        options[f'{loader}.dataset.data_prefix.img'] = 'images/'
    return options


def train(folder: Path, config: Path, annotations: Path, *options: str) -> tuple[int, str]:
    """Train for two iterations and validate, as a user does."""
    settings = [f'{key}={value}' for key, value in data_options(annotations).items()]
    return tool('train.py', config, '--cfg-options', *settings, *options, cwd=folder)


@pytest.mark.parametrize(
    ('names', 'line', 'option'),
    [
        (FIVE, "metainfo = dict(from_file='my_skeleton.py')", ()),
        (FOURTEEN, '', ('metainfo.from_file=my_skeleton.py',)),
    ],
    ids=['five in the config', 'fourteen on the command line'],
)
def test_one_line_trains_and_tests_another_skeleton(tmp_path, names, line, option):
    annotations = write_dataset(tmp_path / 'data', names)
    write_skeleton(tmp_path / 'my_skeleton.py', names)
    config = write_config(tmp_path, 'centergroup_tiny_synthetic', line)
    status, output = train(tmp_path, config, annotations, *option)
    assert status == 0, output
    checkpoint = tmp_path / 'work_dirs/mine/iter_2.pth'
    content = torch.load(checkpoint, weights_only=True)
    assert content['state_dict']['head.neck.type_embed.weight'].shape[0] == len(names) + 1
    assert content['meta']['dataset_meta']['num_keypoints'] == len(names)
    settings = [f'{key}={value}' for key, value in data_options(annotations).items()]
    status, output = tool(
        'test.py', config, checkpoint, '--cfg-options', *settings, *option, cwd=tmp_path
    )
    assert status == 0 and 'coco/AP' in output, output


def numbers_of(head) -> set[int]:
    """Every number of keypoints that the parts of a CenterGroup head have."""
    parts = (head, head.detector, head.neck, *head.grouping)
    return {*(part.num_keypoints for part in parts), len(head.loss_module.sigmas)}


@pytest.mark.parametrize('name', ['centergroup_w32_coco', 'centergroup_w32_crowdpose_ms'])
def test_the_line_reaches_all_parts_of_a_shipped_config(tmp_path, name):
    write_skeleton(tmp_path / 'five.py', FIVE)
    # a path that is not in the working folder is looked for beside the config
    cfg = load_config(write_config(tmp_path, name, "metainfo = dict(from_file='five.py')"))
    assert numbers_of(MODELS.build(cfg.model.head)) == {5}
    for loader in LOADERS:
        assert cfg[loader].dataset.metainfo.from_file == str(tmp_path / 'five.py')


def test_the_line_reaches_the_detector_that_groups_by_tags(tmp_path):
    write_skeleton(tmp_path / 'mine.py', FOURTEEN)
    options = {'metainfo.from_file': str(tmp_path / 'mine.py')}
    cfg = load_config(str(ROOT / 'configs/higherhrnet_center_w32_coco.py'), options)
    head = MODELS.build(cfg.model.head)
    assert head.num_keypoints == 14
    # the top of the head starts the groups, wherever it is in the list
    assert FOURTEEN[head.decoder.decode_keypoint_order[0]] == 'top_head'


def test_the_line_reaches_a_detector_with_a_loss_of_its_own(tmp_path):
    write_skeleton(tmp_path / 'five.py', FIVE)
    metainfo = dict(from_file=str(tmp_path / 'five.py'))
    detector = dict(type='MoveNetHead', loss=dict(type='MoveNetLoss'))
    head = MODELS.build(fill_detector(detector, metainfo))
    assert head.num_keypoints == len(head.loss_module.sigmas) == 5


def test_the_line_reaches_a_head_that_groups_at_points(tmp_path):
    write_skeleton(tmp_path / 'five.py', FIVE)
    head = dict(type='PointCenterGroupHead', detector=dict(type='MoveNetHead'))
    head = MODELS.build(dict(head, metainfo=dict(from_file=str(tmp_path / 'five.py'))))
    assert head.num_keypoints == head.detector.num_keypoints == len(head.sigmas) == 5


def test_a_dataset_class_can_be_named_instead_of_a_file():
    path = str(ROOT / 'configs/centergroup_w32_coco.py')
    cfg = load_config(path, {'metainfo': 'CrowdPoseDataset'})
    assert numbers_of(MODELS.build(cfg.model.head)) == {14}
    dataset = DATASETS.get('CocoDataset')
    assert dataset._load_metainfo(cfg.train_dataloader.dataset.metainfo)['num_keypoints'] == 14


def test_stock_tools_get_the_skeleton_of_a_shipped_config():
    for name, number in (('coco', 17), ('crowdpose', 14)):
        cfg = Config.fromfile(ROOT / f'configs/centergroup_w32_{name}.py')
        assert numbers_of(MODELS.build(cfg.model.head)) == {number}


# ---- contradictions -------------------------------------------------------------------------


def refusal(tmp_path: Path, base: str, *lines: str) -> str:
    """Return the message with which a config is refused."""
    write_skeleton(tmp_path / 'five.py', FIVE)
    with pytest.raises(UserError) as error:
        load_config(write_config(tmp_path, base, *lines))
    return str(error.value)


FIVE_LINE = "metainfo = dict(from_file='five.py')"


@pytest.mark.parametrize(
    ('line', 'places'),
    [
        ('model = dict(head=dict(neck=dict(num_keypoints=17)))', 'neck.num_keypoints 17'),
        ('model = dict(head=dict(grouping=dict(num_joints=17)))', 'grouping.num_joints 17'),
        ('model = dict(head=dict(loss=dict(sigmas=[0.1] * 17)))', 'loss.sigmas 17'),
    ],
)
def test_a_part_that_contradicts_the_skeleton_is_named(tmp_path, line, places):
    message = refusal(tmp_path, 'centergroup_w32_coco', FIVE_LINE, line)
    assert re.match(rf'metainfo \(.*five\.py\) has 5 keypoints and model\.head\.{places}', message)


def test_two_skeletons_of_one_dataset_are_refused(tmp_path):
    line = "train_dataloader = dict(dataset=dict(metainfo=dict(from_file='coco.py')))"
    message = refusal(tmp_path, 'centergroup_w32_coco', FIVE_LINE, line)
    assert 'five.py' in message and 'train_dataloader.dataset.metainfo (coco.py)' in message


def test_another_dataset_without_the_line_is_refused(tmp_path):
    line = "train_dataloader = dict(dataset=dict(type='BottomupCrowdPoseDataset'))"
    message = refusal(tmp_path, 'centergroup_w32_coco', line)
    assert 'model.head.metainfo (BottomupCocoDataset) has 17 keypoints' in message
    assert 'train_dataloader.dataset (BottomupCrowdPoseDataset) 14' in message
    assert message.endswith('leave out what contradicts it') and '\n' not in message


def test_a_head_without_a_skeleton_is_refused(tmp_path):
    line = 'model = dict(head=dict(metainfo=None))'
    message = refusal(tmp_path, 'centergroup_w32_coco', line)
    assert message.startswith('model.head.detector does not say how many keypoints there are')


def test_an_old_config_that_says_every_number_itself_is_taken(tmp_path):
    number = 'num_joints=17'
    line = (
        f'model = dict(head=dict(metainfo=None, detector=dict({number}), neck=dict({number}), '
        f'grouping=dict({number}), loss=dict(sigmas=[0.1] * 17)))'
    )
    cfg = load_config(write_config(tmp_path, 'centergroup_w32_coco', line))
    with pytest.warns(FutureWarning, match='num_joints is called num_keypoints now'):
        assert numbers_of(MODELS.build(cfg.model.head)) == {17}


def test_annotations_of_another_skeleton_end_in_one_line(tmp_path):
    annotations = write_dataset(tmp_path / 'data', FIVE)
    config = write_config(tmp_path, 'centergroup_tiny_synthetic')
    cfg = load_config(config, data_options(annotations))
    with pytest.raises(UserError) as error:
        check_data(cfg, ('train_dataloader',))
    message = str(error.value)
    assert f'{annotations} has 5 keypoints a person (head, left_hand' in message
    assert (
        'the skeleton BottomupCocoDataset 17' in message
        and 'metainfo=dict(from_file=FILE)' in message
    )


def test_a_tool_ends_in_one_line(tmp_path):
    annotations = write_dataset(tmp_path / 'data', FIVE)
    status, output = train(
        tmp_path, write_config(tmp_path, 'centergroup_tiny_synthetic'), annotations
    )
    assert status == 2 and 'has 5 keypoints a person' in last_error(output)


# ---- annotation files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        ('{"categories": [{"id": 1, "keypoints": ["a", "b"]}]}', ['a', 'b']),
        ('{"images": [{"categories": 1}], "categories" : [{"keypoints": ["a"]}]}', ['a']),
        ('{"categories": [{"keypoints": ["a"]}], "pad": "%s"}' % ('x' * 200_000), ['a']),
        ('{"categories": [{"pad": "%s", "keypoints": ["a"]}]}' % ('x' * 200_000), ['a']),
        ('{"categories": [{"id": 1}]}', None),
        ('{"categories": [', None),
        ('', None),
    ],
)
def test_names_of_the_annotated_keypoints(tmp_path, content, expected):
    path = tmp_path / 'annotations.json'
    path.write_text(content)
    assert annotated_keypoints(str(path)) == expected
