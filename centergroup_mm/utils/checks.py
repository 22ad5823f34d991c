"""Check before a run starts whether everything that it needs is there."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from centergroup_lite.annotations import Annotations

from .annotation_checks import check_dataset_file, check_metric_file
from .config_checks import check_options, check_settings
from .errors import UserError
from .moved import moved_config, reason_of
from .packaged import find_config
from .setup_errors import setting_up
from .skeleton_checks import (
    check_annotations,
    check_numbers,
    distribute_metainfo,
    number_of_dataset,
)

#: how to get a dataset, for configs without a ``data_hint``
DATA_HINTS = {
    'BottomupCocoDataset': 'get train2017.zip, val2017.zip and annotations_trainval2017.zip from '
    'https://cocodataset.org/#download and unpack them into {root}',
    'BottomupCrowdPoseDataset': 'get the images from https://github.com/Jeff-sjtu/CrowdPose and '
    'mmpose_crowdpose_{trainval,test}.json from the MMPose documentation, and put them into '
    '{root}',
}
OTHER_HINT = 'put it there, or say where it is with --cfg-options {loader}.dataset.data_root=PATH'


def load_config(path: str, options: dict[str, Any] | None = None) -> Config:
    """Read a config file and hand its skeleton to all parts, or say in one line why not.

    Args:
        path: the config file, or the name of a config of the package.
        options: settings of ``--cfg-options`` that replace the config's.

    Returns:
        the config; its ``metainfo``, if there is one, is that of datasets and head too.

    Raises:
        UserError: the file is missing or cannot be read, the options do not fit, or parts of the
            config differ in their keypoints.
    """
    path = find_config(path)
    if not osp.isfile(path):
        raise UserError(f'config not found: {osp.abspath(path)}')
    try:
        cfg = Config.fromfile(path)
    except ImportError as error:
        raise UserError(f'config {path} imports what is not there: {reason_of(error)}') from error
    except (OSError, SyntaxError) as error:
        hint = moved_config(str(error.filename or ''))  # the missing base
        raise UserError(
            f'config {path} cannot be read: {error}' + (f'; {hint}' if hint else '')
        ) from error
    except Exception as error:  # a config is a program, which can fail in any way
        kind = type(error).__name__
        raise UserError(f'config {path} cannot be read: {kind}: {error}') from error
    with setting_up(path):
        check_options(cfg, options or {})
        merge_options(cfg, options or {})
        if not cfg.get('model'):
            raise UserError(f'{path} has no model')
        check_settings(cfg)
        distribute_metainfo(cfg)
        check_numbers(cfg)
    return cfg


def merge_options(cfg: Config, options: dict[str, Any]) -> None:
    """Replace settings of a config by those of ``--cfg-options``."""
    try:
        cfg.merge_from_dict(options)
    except (KeyError, TypeError) as error:
        raise UserError(f'--cfg-options do not fit the config: {error}') from error


def check_data(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Raise a UserError if annotations or images of a loader or its metric are missing or wrong.

    Args:
        cfg: the whole config; its ``data_hint`` says how to get the data, if it has one.
        loaders: names of the data loaders that the run will use, ``'train_dataloader'`` ...
    """
    for loader in loaders:
        if cfg.get(loader):
            with setting_up(f'{cfg.filename}: {loader}', 'cannot be checked'):
                evaluator = loader.replace('dataloader', 'evaluator')
                labeled = not any(metric.get('format_only') for metric in _metrics(cfg, evaluator))
                datasets = _datasets(cfg[loader].get('dataset'))
                found = [_check_dataset(cfg, loader, dataset, labeled) for dataset in datasets]
                _check_evaluator(cfg, evaluator, [part for part in found if part])


def check_scales(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Raise a UserError if the data have several scales and the model expects one, or vice versa.

    Args:
        cfg: the whole config.
        loaders: names of the data loaders of validation or testing that the run will use.
    """
    wanted = bool((cfg.model.get('test_cfg') or {}).get('multiscale_test', False))
    for loader in loaders:
        for dataset in _datasets((cfg.get(loader) or {}).get('dataset')):
            scales = [step.get('aug_scales') for step in dataset.get('pipeline') or ()]
            if any(scales) != wanted:
                given = 'several scales (aug_scales)' if any(scales) else 'one scale, no aug_scales'
                raise UserError(
                    f'{loader}: its pipeline gives {given}, but model.test_cfg.multiscale_test is '
                    f'{wanted}; the configs that end in _ms.py show how the two go together'
                )


def is_remote(path: str) -> bool:
    """Say whether mmengine would fetch this path from somewhere else."""
    return '://' in str(path)


def _datasets(dataset: Any) -> Iterator[dict]:
    """Yield the datasets inside wrappers such as CombinedDataset and RepeatDataset."""
    if not isinstance(dataset, dict):
        return
    if dataset.get('ann_file'):
        yield dataset
    yield from _datasets(dataset.get('dataset'))
    for inner in dataset.get('datasets') or ():
        yield from _datasets(inner)


def _check_dataset(
    cfg: Config, loader: str, dataset: dict, need_people: bool
) -> Annotations | None:
    """Look for the annotation file and the images of one dataset, and check what they hold."""
    root = dataset.get('data_root') or ''
    hint = cfg.get('data_hint') or DATA_HINTS.get(str(dataset.get('type')), OTHER_HINT)
    hint = hint.replace('{root}', osp.abspath(root)).replace('{loader}', loader)
    annotations = osp.join(root, dataset['ann_file'])
    if not is_remote(annotations) and not osp.isfile(annotations):
        raise UserError(
            f'{loader}: annotation file missing, looked for {osp.abspath(annotations)}; {hint}'
        )
    if not is_remote(annotations):
        check_annotations(f'{loader}.dataset', dataset, annotations)
    for prefix in (dataset.get('data_prefix') or {}).values():
        folder = Path(osp.join(root, prefix))
        if not is_remote(str(folder)) and not (folder.is_dir() and any(folder.iterdir())):
            raise UserError(f'{loader}: images missing, looked in {folder.absolute()}; {hint}')
    if is_remote(annotations) or not osp.isfile(annotations):
        return None
    number = number_of_dataset(dataset, f'{loader}.dataset')
    return check_dataset_file(f'{loader}.dataset', dataset, number, need_people)


def _metrics(cfg: Config, name: str) -> list[dict]:
    """Configs of the metrics of an evaluator, of which there may be several."""
    evaluators = cfg.get(name) or ()
    return list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]


def _check_evaluator(cfg: Config, name: str, loaded: list[Annotations]) -> None:
    """Check the annotation files of the metrics, which have settings of their own."""
    for metric in _metrics(cfg, name):
        path = metric.get('ann_file')
        if path and not is_remote(path) and not osp.isfile(path):
            raise UserError(
                f'{name}: annotation file missing, looked for {osp.abspath(path)}; '
                f'say where it is with --cfg-options {name}.ann_file=PATH'
            )
        if not (path and is_remote(path)):
            check_metric_file(name, metric, loaded)
