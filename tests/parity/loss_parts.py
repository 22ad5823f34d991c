"""What the checks of the loss alone and of whole training steps share."""

from __future__ import annotations

import torch
from torch import Tensor

from centergroup_mm.models.grouping import Proposals
from centergroup_mm.models.losses.centergroup_loss import CenterGroupLoss, PersonTargets

from .reference import Reference, assert_close, assert_ratio

TERMS = dict(center='person_loss', visibility='vis_loss', location='loc_loss')
# Weights of the loss terms, see `loss_overall` in the description.
WEIGHTS = dict(center=1.0, visibility=1.0, location=0.02, heatmap=10.0)
TARGETS = ('is_tp', 'ignore', 'vis_target', 'loc_target', 'boxes', 'joints_')
PREDICTED = ('person_tp_pred', 'viz_pred', 'loc_pred')


def persons_of(
    joints: Tensor, boxes: Tensor, visible_objects: Tensor, annotated: Tensor
) -> list[PersonTargets]:
    """Persons in the file's padded arrays as the head's targets."""
    sizes = (boxes[:, :, 1, :2] - boxes[:, :, 0, :2]).abs()
    return [
        PersonTargets(j[..., :2], j[..., 2] > 0, s, o & a)
        for j, s, o, a in zip(joints, sizes, visible_objects, annotated, strict=True)
    ]


def check_targets(
    loss: CenterGroupLoss,
    centers: Proposals,
    persons: list[PersonTargets],
    ref: Reference,
    prefix: str,
) -> None:
    """What every center should say: person or not, whose joints, seen or not, how large."""
    targets = loss.targets(centers, persons)
    valid, num_keypoints = centers.valid, len(loss.sigmas)
    hit = targets.matched[valid]
    theirs = {name: ref[f'{prefix}target_{name}'] for name in TARGETS}
    assert torch.equal(hit, theirs['is_tp'] > 0), 'other centers are matched'
    for name, joints in (('loc', theirs['loc_target']), ('joints', theirs['joints_'][..., :2])):
        ours = targets.joints[valid][hit].double()
        assert_close(ours, joints[hit][:, :num_keypoints], 1e-4, f'target {name}')
    seen = targets.visible[valid][hit]
    assert torch.equal(seen, theirs['vis_target'][hit][:, :num_keypoints]), 'other joints are seen'
    assert torch.equal(seen, theirs['joints_'][hit][:, :num_keypoints, 2] > 0)
    sides = (theirs['boxes'][:, 1, :2] - theirs['boxes'][:, 0, :2]).abs()[hit]
    assert_close(
        targets.areas[valid][hit] / (0.53 * sides.prod(-1)), torch.ones(len(sides)), 1e-5, 'areas'
    )


def check_terms(losses: dict, ref: Reference, prefix: str) -> None:
    """Every loss term within 1e-4 of the file's."""
    for ours, theirs in TERMS.items():
        value = losses[f'loss_{ours}'].item() / WEIGHTS[ours]
        assert_ratio(value, ref[f'{prefix}loss_{theirs}'].item(), theirs)
    if 'loss_heatmap' in losses:
        value = losses['loss_heatmap'].item() / WEIGHTS['heatmap']
        assert_ratio(value, ref[f'{prefix}loss_heatmap_loss'].item(), 'heatmap_loss')
