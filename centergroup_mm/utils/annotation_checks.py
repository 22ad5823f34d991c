"""Check the annotation files of a config before a run, and whether its classes can use them."""

from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from typing import Any

from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import DATASETS, METRICS

from centergroup_lite.annotations import Annotations, find_disagreement

from .annotation_files import check_file
from .errors import UserError

#: repairs that MMPose's dataset makes itself, or does not need
_HARMLESS = ('area', 'iscrowd', 'num_keypoints')


def check_dataset_file(
    place: str, dataset: dict, num_keypoints: int | None, need_people: bool
) -> Annotations | None:
    """Check the annotations and images of one dataset.

    Args:
        place: where the dataset is in the config, for the message.
        dataset: its config, with ``ann_file``.
        num_keypoints: K of its skeleton, if it is known.
        need_people: a file without labeled joints is an error.

    Returns:
        what is in the file; None for a dataset that is not in COCO's format.

    Raises:
        UserError: the file or an image is wrong, or MMPose's own class would use it wrongly.
    """
    kind = _class_of(dataset, DATASETS)
    ours = bool(getattr(kind, 'CHECKS_ANNOTATIONS', False))
    if not ours and 'keep_empty' in dataset:
        raise UserError(
            f'{place}: {dataset.get("type")} does not know keep_empty, which this config or its '
            f'base sets: name BottomupCocoDataset or a class of its kind'
        )
    if not (ours or _reads_coco(kind)):
        return None
    root, images = dataset.get('data_root') or '', (dataset.get('data_prefix') or {}).get('img', '')
    found = check_file(
        osp.join(root, dataset['ann_file']),
        num_keypoints,
        osp.join(root, images),
        need_people,
        keep=ours,
    )
    harm = [what for what in found.repairs if not what.startswith(_HARMLESS)]
    if not ours and harm and dataset.get('data_mode') == 'bottomup':
        raise UserError(
            f'{place}: {found.path} has gaps ({harm[0]}: {found.repairs[harm[0]]:,}) that '
            f'{dataset.get("type")} leaves out or teaches wrongly; name BottomupCocoDataset, which '
            'fills them, or fill them in the file'
        )
    return found


def check_metric_file(place: str, metric: dict, loaded: Sequence[Annotations]) -> None:
    """Check the annotations of a metric, and that they are those of the loaded images.

    Args:
        place: where the metric is in the config, for the message.
        metric: its config.
        loaded: files of the datasets of its data loader.

    Raises:
        UserError: the file is wrong, is another one, or MMPose's own class would use it wrongly.
    """
    kind, path = _class_of(metric, METRICS), metric.get('ann_file')
    if not (isinstance(kind, type) and issubclass(kind, CocoMetric)):
        return
    same = [found for found in loaded if not path or osp.samefile(found.path, path)]
    found = same[0] if same else check_file(path, need_sizes=False) if path else None
    if found is None:
        return
    if len(loaded) == 1 and not same:
        difference = find_disagreement(loaded[0], found)
        if difference:
            loader = place.replace('evaluator', 'dataloader')
            raise UserError(
                f'{difference}: {place}.ann_file and {loader}.dataset.ann_file must be of the '
                'same images'
            )
    if metric.get('iou_type') == 'keypoints_crowd':
        lacking = [i['id'] for i in found.content['images'] if 'crowdIndex' not in i]
        if lacking:
            raise UserError(
                f'{found.path}: image {lacking[0]} has no crowdIndex, which {place}.iou_type '
                "keypoints_crowd needs; set it to 'keypoints' for files that are not CrowdPose's"
            )
    if not getattr(kind, 'CHECKS_ANNOTATIONS', False):
        _check_stock_metric(place, metric, found)


def _check_stock_metric(place: str, metric: dict, found: Annotations) -> None:
    """Refuse MMPose's metric for files of which it makes wrong numbers."""
    ids = [category['id'] for category in found.pose_categories]
    gaps = [what for what in found.repairs if not what.startswith('num_keypoints')]
    reason = ''
    if ids != [1]:
        reason = f'people of {found.path} have category {ids[0]}, and it expects 1'
    elif gaps:
        reason = f'{found.path} has gaps ({gaps[0]}: {found.repairs[gaps[0]]:,})'
    if reason:
        raise UserError(
            f'{place}: {metric.get("type")} gives wrong numbers, because {reason}; name '
            'BottomupCocoMetric'
        )


def _class_of(part: dict, registry: Any) -> Any:
    kind = part.get('type')
    return registry.get(kind) if isinstance(kind, str) else kind


def _reads_coco(kind: Any) -> bool:
    """Whether a dataset class reads COCO's format the way MMPose's base class does."""
    if not (isinstance(kind, type) and issubclass(kind, BaseCocoStyleDataset)):
        return False
    return kind._load_annotations is BaseCocoStyleDataset._load_annotations
