"""New places of modules and config files of earlier versions.

Importing a module by its old name raises an ImportError that names the new one, in Python and in
the ``custom_imports`` of a config.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

_PACKAGE = 'centergroup_mm'
#: module or package of an earlier version, within this one -> where its content is now
MOVED_MODULES = {
    'apis': 'hooks are in centergroup_mm.engine.hooks, conversion and loading of checkpoints in '
    'centergroup_mm.checkpoints, checks and command-line arguments in centergroup_mm.utils, '
    'average_precision in centergroup_mm.evaluation, the benchmark in tools/benchmarking; '
    "custom_imports=['centergroup_mm'] registers everything",
    'datasets.synthetic': 'centergroup_mm.synthetic',
    'datasets.transforms.heatmap_mask': 'centergroup_mm.datasets.transforms.masks',
    'datasets.transforms.padding_mask': 'centergroup_mm.datasets.transforms.masks',
    'datasets.transforms.warped_mask': 'centergroup_mm.datasets.transforms.masks',
    'deploy.content': 'centergroup_mm.utils.valid_mask',
    'models.data_preprocessors.centergroup_preprocessor': 'centergroup_mm.models.'
    'data_preprocessors.centergroup_data_preprocessor',
    'models.data_preprocessors.padded_images': 'batches of different sizes are the business of '
    'MixedSizePoseEstimator in centergroup_mm.models.pose_estimators',
    'models.grouping.flip': 'centergroup_mm.models.grouping.views',
    'models.grouping.ranking': 'centergroup_mm.models.grouping.proposals',
    'models.grouping.windows': 'centergroup_mm.models.grouping.embedding',
    'models.heads.centergroup_stages': 'centergroup_mm.models.heads.centergroup_head',
    'models.heads.content': 'centergroup_mm.utils.valid_mask',
}
#: config file of an earlier version -> what to inherit from instead
MOVED_CONFIGS = {
    '_base_/datasets/coco_640.py': 'configs/centergroup_w48_coco.py or '
    'configs/higherhrnet_center_w48_coco.py',
    '_base_/datasets/crowdpose_512.py': 'configs/centergroup_w32_crowdpose.py, or use '
    'configs/_base_/datasets/crowdpose_sets.py as that config does',
    '_base_/datasets/crowdpose_640.py': 'configs/centergroup_w48_crowdpose.py, or use '
    'configs/_base_/datasets/crowdpose_sets.py as that config does',
    '_base_/models/hrnet_w48.py': 'configs/centergroup_w48_coco.py or '
    'configs/higherhrnet_center_w48_coco.py',
}


class MovedError(ImportError):
    """A module is imported by the name of an earlier version; the message names the new place."""


class MovedFinder(MetaPathFinder):
    """Comes last in the import system and raises MovedError for modules that have moved."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        """Refuse an old name; find nothing else."""
        package, _, name = fullname.partition('.')
        if package == _PACKAGE and name in MOVED_MODULES:
            raise MovedError(f'{fullname} has moved: {MOVED_MODULES[name]}')
        return None


def install() -> None:
    """Let imports of old names end in an error that names the new ones."""
    if not any(isinstance(finder, MovedFinder) for finder in sys.meta_path):
        sys.meta_path.append(MovedFinder())


def moved_config(path: str) -> str:
    """Say what to inherit from instead of a config file that is not there any more, or ''."""
    for old, new in MOVED_CONFIGS.items():
        if path.replace('\\', '/').endswith(old):
            return f'inherit from {new}'
    return ''


def reason_of(error: BaseException) -> str:
    """Return the message of the MovedError behind an error, else that of its first cause."""
    while True:
        cause = error.__cause__ or error.__context__
        if isinstance(error, MovedError) or cause is None:
            return str(error)
        error = cause
