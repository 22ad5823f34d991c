"""`loss_*` with given predictions: matching, similarities, losses and their gradients."""

from __future__ import annotations

import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor

from centergroup_mm.models.grouping import GroupingOutput, Proposals
from centergroup_mm.models.losses.centergroup_loss import CenterGroupLoss
from centergroup_mm.utils.skeleton import fill_sigmas, read_metainfo

from .loss_parts import PREDICTED, TARGETS, TERMS, check_targets, check_terms, persons_of
from .models import config_of
from .reference import Reference, assert_close, assert_ratio

CONFIG_OF_JOINTS = {17: 'w32_coco', 14: 'w48_crowdpose'}
# Two of these are enough to tell such a file even if one is missing.
SIGNS = ('meta/nj', 'meta/mask_vis_loss', 'in/dt_centers', 'in/viz_pred')
_INPUTS = (
    'gt_joints', 'gt_boxes', 'obj_vis', 'has_kp_anns', 'dt_centers', 'dt_batch', 'dt_person_mask',
    *PREDICTED,
)  # fmt: skip


def needed_keys(ref: Reference) -> list[str]:
    """What the check reads."""
    names = [f'loss_{name}' for name in (*TERMS.values(), 'overall')]
    names += [f'target_{name}' for name in TARGETS] + [f'grad_{name}' for name in PREDICTED]
    outputs = [f'out/{name}' for name in (*names, 'oks', 'joints_loss_mask')]
    return ['meta/nj', 'meta/mask_vis_loss', *(f'in/{key}' for key in _INPUTS), *outputs]


def check(ref: Reference) -> None:
    """Compare with the file."""
    ref.require(needed_keys(ref))
    num_keypoints = ref.meta('nj')
    assert num_keypoints in CONFIG_OF_JOINTS, f'{ref.name}: no data set with {num_keypoints} joints'
    loss = build_loss(CONFIG_OF_JOINTS[num_keypoints], 0.5 if ref.meta('mask_vis_loss') else 0.0)
    batch, num_images = ref['in/dt_batch'], len(ref['in/gt_joints'])
    valid = slots(torch.ones(len(batch), dtype=torch.bool), batch, num_images)
    counted = slots(ref['in/dt_person_mask'] > 0, batch, num_images)
    points = slots(ref['in/dt_centers'], batch, num_images)
    predictions = {name: ref[f'in/{name}'].clone().requires_grad_() for name in PREDICTED}
    center, visibility, places = (slots(p, batch, num_images, 1) for p in predictions.values())
    outputs = [
        GroupingOutput(None, places[i], None, visibility[i][..., 0], center[i][..., 0])
        for i in range(len(places))
    ]
    centers = Proposals(points, valid.float(), valid)
    persons = persons_of(*(ref[f'in/{key}'] for key in _INPUTS[:4]))
    check_targets(loss, centers, persons, ref, 'out/')
    assert torch.equal(counted[valid], ref['out/target_ignore'] > 0)
    targets = loss.targets(centers, persons)
    hit = targets.matched[valid]
    assert torch.equal(hit, ref['out/joints_loss_mask']), 'other centers take the joints losses'
    oks = loss.oks(places, targets)[:, valid][:, hit]
    oks = oks * targets.visible[valid][hit]  # the file holds 0 for joints nobody sees
    assert_close(oks, ref['out/oks'], 1e-5, 'similarities')
    losses = loss(outputs, centers, persons, counted)
    check_terms(losses, ref, 'out/')
    total = sum(losses.values())
    assert_ratio(total.item(), ref['out/loss_overall'].item(), 'loss')
    total.backward()
    for name, value in predictions.items():
        theirs = ref[f'out/grad_{name}']
        assert_ratio(value.grad.norm().item(), theirs.norm().item(), f'gradient norm of {name}')
        assert_close(value.grad, theirs, 1e-4 * theirs.abs().max().item(), f'gradient of {name}')


def build_loss(name: str, min_oks: float) -> CenterGroupLoss:
    """The loss of a config, with the greedy matching of the reference values."""
    init_default_scope('mmpose')
    head = config_of(name).model.head
    loss = fill_sigmas(head.loss, read_metainfo(head.metainfo))
    assigner = {**loss['assigner'], 'matching': 'greedy'}
    return MODELS.build({**loss, 'min_oks': min_oks, 'assigner': assigner})


def slots(values: Tensor, batch: Tensor, num_images: int, axis: int = 0) -> Tensor:
    """Centers in a row -> [... B x C ...], padded with zeros."""
    values = values.movedim(axis, 0)
    num = int(batch.bincount(minlength=num_images).max())
    out = values.new_zeros((num_images, num, *values.shape[1:]))
    for image in range(num_images):
        part = values[batch == image]
        out[image, : len(part)] = part
    return out.movedim((0, 1), (axis, axis + 1))
