"""From an annotation file to a config that trains on it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..annotations import Annotations, find_disagreement, read_annotations
from ..errors import UserError
from ..files import check_target, write_whole
from .check import print_findings
from .samples import draw_samples
from .skeleton import Proposal, one_line, propose

#: images in a batch of the config that configs inherit from
BATCH = 16
#: how long to train: about this many epochs, within bounds
EPOCHS, LEAST_ITERATIONS, MOST_ITERATIONS = 30, 500, 20000
#: iterations in which the learning rate rises
WARMUP = 50


@dataclass
class Plan:
    """What to make; the fields are the arguments of ``centergroup data init``."""

    annotations: str
    images: str
    val: str | None = None
    val_images: str | None = None
    out: str = '.'
    name: str = 'my_data'
    samples: int = 4
    iterations: int | None = None
    overwrite: bool = False

    @property
    def config(self) -> Path:
        """The config."""
        return Path(self.out) / f'{self.name}.py'

    @property
    def keypoints(self) -> Path:
        """The description of the keypoints."""
        return Path(self.out) / f'{self.name}_keypoints.py'

    @property
    def start(self) -> Path:
        """The weights to start from."""
        return Path(self.out) / f'{self.name}_start.pth'

    @property
    def drawing(self) -> Path:
        """Samples of the annotations, drawn."""
        return Path(self.out) / f'{self.name}_samples.jpg'

    @property
    def files(self) -> list[Path]:
        """Everything that is written."""
        files = [self.config, self.keypoints, self.start]
        return [*files, self.drawing] if self.samples > 0 else files


def make_config(plan: Plan) -> None:
    """Check the annotations and write config, keypoints, weights to start from and samples.

    Raises:
        UserError: annotations are wrong, files exist, or MMPose is missing.
    """
    for path in plan.files:
        check_target(path, plan.overwrite)
    train = _read(plan.annotations, plan.images)
    val = None
    if plan.val:
        val = _read(plan.val, plan.val_images or plan.images)
        _check_same_skeleton(train, val)
    proposal = propose(_names(train), train.pose_categories[0].get('skeleton') or ())
    start = _import_start()
    config = config_text(plan, start.base(), train.counts['images'])
    _write(plan.keypoints, proposal.file(plan.name))
    kept = start.write_start(str(plan.keypoints), proposal.known, plan.start)
    if plan.samples > 0:
        draw_samples(train, plan.images, proposal, plan.samples, plan.drawing)
    _write(plan.config, config)
    _report(plan, proposal, kept, with_val=val is not None)


def config_text(plan: Plan, base: str, images: int) -> str:
    """The text of the config.

    Args:
        plan: what to make.
        base: path of the config to inherit from.
        images: number of images to train on.
    """
    iterations = plan.iterations or min(
        max(images * EPOCHS // BATCH, LEAST_ITERATIONS), MOST_ITERATIONS
    )
    interval = max(iterations // 8, 1)
    train, train_images = plan.annotations, plan.images
    val = plan.val or plan.annotations
    val_images = plan.val_images or plan.images
    config = one_line(str(plan.config))
    note = '' if plan.val else '  # no --val was given: these are the images of the training'
    return f"""\
# The photograph model, fine-tuned on {one_line(Path(plan.annotations).name)}.
#
#   centergroup train {config}
#   centergroup test {config} work_dirs/{plan.name}/CHECKPOINT.pth
#
# Paths are those of `centergroup data init`: relative ones begin in the folder where it was called.
_base_ = [{base!r}]  # where the package is installed

# Names, mirrors and sigmas of the keypoints: the one place that says them.
metainfo = dict(from_file={plan.keypoints.name!r})
# The photograph model's weights, those of keypoints with the same name kept.
load_from = {str(plan.start)!r}
data_hint = 'call it from the folder where centergroup data init was called, or correct the path'

train_ann_file = {train!r}
train_images = {train_images!r}
val_ann_file = {val!r}{note}
val_images = {val_images!r}

max_iters = {iterations}  # about {max(iterations * BATCH // max(images, 1), 1)} epochs
train_dataloader = dict(
    dataset=dict(
        data_root='', ann_file=train_ann_file, data_prefix=dict(img=train_images)))
val_dataloader = test_dataloader = dict(
    dataset=dict(data_root='', ann_file=val_ann_file, data_prefix=dict(img=val_images)))
val_evaluator = test_evaluator = dict(ann_file=val_ann_file)

train_cfg = dict(max_iters=max_iters, val_interval={interval})
default_hooks = dict(checkpoint=dict(interval={interval}))
param_scheduler = [
    dict(type='LinearLR', begin=0, end={WARMUP}, start_factor=0.02, by_epoch=False),
    dict(
        type='CosineAnnealingLR', begin={WARMUP}, end=max_iters, T_max=max_iters - {WARMUP},
        eta_min_ratio=0.02, by_epoch=False)
]
"""


def _import_start() -> ModuleType:
    """Import what makes the weights, which needs MMPose.

    Raises:
        UserError: MMPose is missing.
    """
    try:
        importlib.import_module('centergroup_mm')
        return importlib.import_module('centergroup_mm.zoo.start')
    except ImportError as error:
        raise UserError(
            f'the weights to start from need MMPose, and nothing was written: {error}'
        ) from error


def _read(path: str, images: str) -> Annotations:
    """Read and print an annotation file."""
    if not Path(images).is_dir():
        raise UserError(f'{images} is no folder: name that of the images')
    found = read_annotations(path, images=images, need_people=True)
    print_findings(found)
    if found.problems:
        raise UserError(f'{path} is wrong, see above; nothing was written')
    return found


def _names(found: Annotations) -> list[str]:
    """Names of the keypoints, numbers where the file has none.

    Raises:
        UserError: categories differ in their keypoints.
    """
    lists = [category.get('keypoints') or [] for category in found.pose_categories]
    if any(names != lists[0] for names in lists):
        raise UserError(
            f'{found.path}: its categories have different keypoints, and one model has one set: '
            'keep one of the categories'
        )
    number = len(found.content['annotations'][0]['keypoints']) // 3
    return lists[0] or [f'keypoint_{index}' for index in range(number)]


def _check_same_skeleton(train: Annotations, val: Annotations) -> None:
    """Refuse files of different keypoints, and warn if images are in both."""
    if _names(train) != _names(val):
        raise UserError(
            f'{train.path} has the keypoints {", ".join(_names(train))}, and {val.path} '
            f'{", ".join(_names(val))}: they must be the same'
        )
    if not find_disagreement(train, val):
        print(f'{val.path}: the same images as for training, so that AP says little')


def _write(path: Path, text: str) -> None:
    with write_whole(path) as partial:
        partial.write_text(text)


def _report(plan: Plan, proposal: Proposal, kept: list[bool], with_val: bool) -> None:
    """Print what is a guess, what was made and what to do next."""
    for guess in proposal.guesses:
        print(f'guess: {guess}')
    for title, wanted in (('keypoints known to the model', True), ('new keypoints', False)):
        pairs = zip(proposal.names, kept, strict=True)
        names = [name for name, known in pairs if known == wanted]
        print(f'{title}: {", ".join(names) or "none"}')
    if not with_val:
        print('no --val was given: the config evaluates on the images of the training')
    for path in plan.files:
        print(f'wrote {path}')
    seen = ' and '.join(str(path) for path in plan.files if path not in (plan.config, plan.start))
    print(f'next: look at {seen}, then run: centergroup train {plan.config}')
