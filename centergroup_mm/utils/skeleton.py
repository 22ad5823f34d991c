"""Keypoints of a dataset: their number, names, mirrors and sigmas, read from its metainfo.

A skeleton is described once, in MMPose's own format: the ``METAINFO`` of a dataset class, or a
file with ``dataset_info``. Datasets, heads and losses all read it from there.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, MODELS

from .deprecation import OLD_NUM_KEYPOINTS

#: parts of a body from the head over the trunk to the limbs
_BODY_PARTS = (
    ('nose', 'eye', 'ear', 'head', 'top_head', 'head_top'),
    ('neck',),
    ('shoulder',),
    ('hip',),
    ('elbow',),
    ('wrist',),
    ('knee',),
    ('ankle',),
)


class Skeleton(NamedTuple):
    """The keypoints of a person; K is their number.

    ============ ======= ==============================================================
    names        K       of the keypoints
    sigmas       K       standard deviations of the annotations as shares of the person's
                         size: the constants of COCO's object keypoint similarity
    flip_indices K       for each keypoint the one that it becomes in a mirrored image
    links        any     pairs of keypoints that a bone connects, for drawing
    ============ ======= ==============================================================
    """

    names: tuple[str, ...]
    sigmas: tuple[float, ...]
    flip_indices: tuple[int, ...]
    links: tuple[tuple[int, int], ...]

    @property
    def num_keypoints(self) -> int:
        """K."""
        return len(self.names)

    @property
    def grouping_order(self) -> list[int]:
        """Keypoints from the head over the trunk to the limbs, others last.

        HigherHRNet groups keypoints by their tags in this order, so that the most reliable ones
        start the groups.
        """
        ranks = {name: rank for rank, part in enumerate(_BODY_PARTS) for name in part}

        def rank_of(index: int) -> int:
            name = self.names[index].removeprefix('left_').removeprefix('right_')
            return ranks.get(name, len(_BODY_PARTS))

        return sorted(range(self.num_keypoints), key=rank_of)  # stable: the rest as numbered


def read_metainfo(metainfo: str | dict) -> Skeleton:
    """Read a skeleton.

    Args:
        metainfo: name of a registered dataset class, such as ``'CocoDataset'``;
            ``dict(from_file=PATH)`` with a file of MMPose's ``dataset_info``; or that dict itself.

    Returns:
        the keypoints in the order of the annotations.

    Raises:
        ValueError: there is no such class or file, or it does not describe a skeleton.
    """
    source, content = _source(metainfo)
    try:
        with warnings.catch_warnings():
            # MMPose warns where it finds a file of its own in its package
            warnings.filterwarnings('ignore', message='The metainfo config file')
            info = parse_pose_metainfo(copy.deepcopy(content))
    except AssertionError as error:
        raise ValueError(
            f'metainfo {source} needs dataset_name, keypoint_info, skeleton_info, joint_weights '
            'and sigmas, not all of which are there'
        ) from error
    except KeyError as error:
        raise ValueError(f'metainfo {source} has no keypoint or entry {error}') from error
    except (AttributeError, OSError, SyntaxError, TypeError, ValueError) as error:
        raise ValueError(f'metainfo {source} cannot be read: {error}') from error
    number = info['num_keypoints']
    if sorted(info['keypoint_id2name']) != list(range(number)):
        raise ValueError(f'metainfo {source}: keypoint_info must be numbered 0 to {number - 1}')
    for name in ('sigmas', 'dataset_keypoint_weights'):
        if len(info[name]) != number:
            given = name.removeprefix('dataset_keypoint_')
            given = 'joint_weights' if given == 'weights' else given
            raise ValueError(
                f'metainfo {source}: {number} keypoints in keypoint_info, {len(info[name])} {given}'
            )
    return Skeleton(
        names=tuple(info['keypoint_id2name'][index] for index in range(number)),
        sigmas=tuple(float(sigma) for sigma in info['sigmas']),
        flip_indices=tuple(int(index) for index in info['flip_indices']),
        links=tuple((int(start), int(end)) for start, end in info['skeleton_links']),
    )


def name_of(metainfo: str | dict) -> str:
    """Return a short name of what :func:`read_metainfo` reads, for messages."""
    if isinstance(metainfo, str):
        return metainfo
    return str(metainfo.get('from_file') or metainfo.get('dataset_name') or 'without a name')


def given_number(part: dict) -> int | None:
    """Return the number of keypoints that a model part's config says itself, or None."""
    return part.get('num_keypoints', part.get(OLD_NUM_KEYPOINTS))


def fill_number(part: dict, skeleton: Skeleton | None) -> dict:
    """Config of a model part with ``num_keypoints``, unless it says the number itself.

    Args:
        part: config of a detector, neck or grouping.
        skeleton: where the number comes from; None leaves the part as it is.
    """
    if skeleton is None or given_number(part) is not None:
        return part
    return dict(part, num_keypoints=skeleton.num_keypoints)


def fill_sigmas(loss: dict, skeleton: Skeleton | None) -> dict:
    """Config of a loss with ``sigmas``, unless it has them; as :func:`fill_number`."""
    if skeleton is None or loss.get('sigmas') is not None:
        return loss
    return dict(loss, sigmas=list(skeleton.sigmas))


def takes_metainfo(part: dict) -> bool:
    """Say whether the class of a model part is built with a skeleton."""
    return 'metainfo' in _arguments(part)


def default_number(part: dict) -> int | None:
    """Return the number of keypoints that a model part has if nothing says it, or None."""
    argument = _arguments(part).get('num_keypoints')
    return argument.default if argument and isinstance(argument.default, int) else None


def fill_detector(detector: dict, metainfo: str | dict | None) -> dict:
    """Config of a detector with ``metainfo`` if its class takes it, else with ``num_keypoints``.

    Args:
        detector: What it says itself stays.
        metainfo: As of :func:`read_metainfo`; None leaves the detector as it is.
    """
    given = detector.get('metainfo') is not None or given_number(detector) is not None
    if metainfo is None or given:
        return detector
    if takes_metainfo(detector):
        return dict(detector, metainfo=metainfo)
    return fill_number(detector, read_metainfo(metainfo))


def fill_order(decoder: dict, skeleton: Skeleton | None) -> dict:
    """Config of a codec that groups by tags with its order of keypoints, unless it has one."""
    if skeleton is None or decoder.get('decode_keypoint_order'):
        return decoder
    return dict(decoder, decode_keypoint_order=skeleton.grouping_order)


def _arguments(part: dict) -> Mapping[str, inspect.Parameter]:
    """Arguments of the constructor of a model part; none for a class that is not registered."""
    kind = part.get('type')
    kind = MODELS.get(kind) if isinstance(kind, str) else kind
    return {} if kind is None else inspect.signature(kind.__init__).parameters


def _source(metainfo: str | dict) -> tuple[str, Any]:
    """Return a name for messages and the dict that MMPose parses."""
    if not isinstance(metainfo, str):
        return name_of(metainfo), dict(metainfo)
    dataset = DATASETS.get(metainfo)
    if dataset is None or not getattr(dataset, 'METAINFO', None):
        raise ValueError(
            f'metainfo {metainfo!r} is no registered dataset with keypoints; a file is given by '
            'dict(from_file=PATH)'
        )
    return metainfo, dict(dataset.METAINFO)
