"""What a frozen detector sees in photographs, computed once for all rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from finetune.held_out import read_squares
from finetune.trainer import normalize
from finetune.views import RandomViews
from torch import Tensor, nn
from tqdm import tqdm

from centergroup_mm.engine.proposal_cache import View
from centergroup_mm.models.grouping.one_shot import OneShotPoses, snap_to_joints
from centergroup_mm.models.grouping.point_proposals import CenterPeaks
from centergroup_mm.models.grouping.point_tokens import PointFeatures
from centergroup_mm.models.grouping.pose_similarity import AREA_OF_BOX
from centergroup_mm.models.losses.point_grouping_loss import Persons
from centergroup_mm.models.task_modules import CenterHungarianAssigner

#: persons of a view that count, the first ones
MOST_PERSONS = 24
#: centers of a view that are trained on, the best ones
TRAINED_CENTERS = 18


class Cache(NamedTuple):
    """Views of photographs for training; fields of ``view`` have a batch axis first.

    ========= ============== ===========================================================
    view      View           features are float16
    hungarian [I x C]        int64, person that the Hungarian matching gives each center
    greedy    [I x C]        int64, the same for greedy matching
    ========= ============== ===========================================================
    """

    view: View
    hungarian: Tensor
    greedy: Tensor


class TestSet(NamedTuple):
    """Photographs to be evaluated on, one entry for each.

    ======= ========== ==================================================================
    ids     I ints     of the images
    ratios  I arrays   (x, y) pixels of the network input for each pixel of the image
    view    View       without persons; features are float16
    snapped Poses      the detector's own decoding, in cells
    ======= ========== ==================================================================
    """

    ids: list[int]
    ratios: list[np.ndarray]
    view: View
    snapped: OneShotPoses


def take(values: object, index: Tensor | slice) -> object:
    """Entries of all tensors in nested named tuples."""
    if isinstance(values, Tensor):
        return values[index]
    return type(values)(*(take(part, index) for part in values))


def join(parts: Sequence) -> object:
    """Concatenate nested named tuples of tensors."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(parts)
    return type(first)(*(join(group) for group in zip(*parts, strict=True)))


def widen(view: View, device: torch.device) -> View:
    """Move a batch to the device, with features in float32."""
    moved = View(*(type(part)(*(x.to(device) for x in part)) for part in view))
    return moved._replace(features=PointFeatures(*(x.float() for x in moved.features)))


def narrow(features: PointFeatures) -> PointFeatures:
    """Features in float16, to keep many."""
    return PointFeatures(*(x.clamp(-6e4, 6e4).half() for x in features))


def match(centers: CenterPeaks, middles: Tensor, persons: Persons, matching: str) -> Tensor:
    """Person of each center [B x C], -1 for none, by distance as in the paper."""
    assigner = CenterHungarianAssigner(matching=matching)
    rows = []
    found = persons.labeled.any(-1).cpu()
    cells, valid = centers.cells.cpu(), centers.valid.cpu()
    middles, areas = middles.cpu(), persons.areas.cpu()
    for i in range(len(cells)):
        index = found[i].nonzero()[:, 0]
        own = assigner.assign(cells[i], valid[i], middles[i, index], areas[i, index])
        rows.append(torch.where(own >= 0, index[own.clamp(min=0)] if len(index) else own, -1))
    return torch.stack(rows)


def _fixed(values: Tensor) -> Tensor:
    """Cut or pad the persons' axis to :data:`MOST_PERSONS`."""
    values = values[:, :MOST_PERSONS]
    missing = MOST_PERSONS - values.shape[1]
    return torch.cat([values, values.new_zeros(len(values), missing, *values.shape[2:])], 1)


@torch.no_grad()
def cache_training(model: nn.Module, views: RandomViews, passes: int, batch_size: int) -> Cache:
    """Run the detector on random views of every photograph.

    Args:
        model: pose estimator with a ``PointCenterGroupHead``, on the device.
        views: draws them.
        passes: views of each photograph.
        batch_size: views at a time.
    """
    head, stride, parts = model.head, model.head.stride, []
    number = len(views.photographs.images)
    with tqdm(total=passes * number, desc='detector', unit='view', disable=None) as bar:
        for index in _batches(number, passes, batch_size, views.device):
            drawn = views.draw(index)
            feats = model.extract_feat(normalize(model, drawn.images))
            features, keypoints, centers = head.read(feats, head.detector.detect(feats))
            keep = slice(None, TRAINED_CENTERS)
            centers = CenterPeaks(*(x[:, keep] for x in centers))
            features = features._replace(
                centers=features.centers[:, keep], regressed=features.regressed[:, keep]
            )
            boxes = _fixed(drawn.boxes) / stride
            sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
            persons = Persons(
                _fixed(drawn.keypoints) / stride,
                _fixed(drawn.labeled),
                (AREA_OF_BOX * sides.prod(-1)).clamp(min=1e-3),
            )
            middles = (boxes[..., :2] + boxes[..., 2:]) / 2
            view = View(narrow(features), keypoints, centers, persons)
            matched = [match(centers, middles, persons, how) for how in ('hungarian', 'greedy')]
            parts.append(Cache(take_cpu(view), *matched))
            bar.update(len(index))
    return join(parts)


def _batches(number: int, passes: int, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    """Indices of photographs, in a new order in each pass."""
    for _ in range(passes):
        yield from torch.randperm(number, device=device).split(batch_size)


def take_cpu(values: object) -> object:
    """Nested named tuples of tensors, moved to the processor's memory."""
    if isinstance(values, Tensor):
        return values.cpu()
    return type(values)(*(take_cpu(part) for part in values))


@torch.no_grad()
def cache_test(
    model: nn.Module, coco: dict, folder: Path, ids: Sequence[int], long_side: int = 512
) -> TestSet:
    """Run the detector on whole photographs.

    Args:
        model: as of :func:`cache_training`.
        coco: content of the annotation file.
        folder: of the images.
        ids: of the images.
        long_side: to which they are scaled, in pixels.
    """
    head, device = model.head, next(model.parameters()).device
    parts, snapped, all_ratios = [], [], []
    for _, images, ratios in read_squares(coco, folder, ids, long_side):
        feats = model.extract_feat(normalize(model, images.to(device)))
        raw = head.detector(feats)
        features, keypoints, centers = head.read(feats, head.detector.as_detection(raw))
        nobody = Persons(
            torch.zeros(len(images), 1, head.num_keypoints, 2),
            torch.zeros(len(images), 1, head.num_keypoints, dtype=torch.bool),
            torch.ones(len(images), 1),
        )
        parts.append(take_cpu(View(narrow(features), keypoints, centers, nobody)))
        snapped.append(take_cpu(snap_to_joints(raw, head.num_centers)))
        all_ratios += ratios
    return TestSet(list(ids), all_ratios, join(parts), join(snapped))
