"""`loss_*` of whole training steps: from heatmaps and features, or from the network input."""

from __future__ import annotations

import numpy as np
import torch
from mmpose.registry import KEYPOINT_CODECS, TRANSFORMS
from mmpose.structures import PoseDataSample
from torch import Tensor

from centergroup_mm.checkpoints.official_names import from_official
from centergroup_mm.models.losses.centergroup_loss import PersonTargets

from . import check_stages as stages
from .loss_parts import PREDICTED, TARGETS, TERMS, check_targets, check_terms, persons_of
from .models import build_model, config_of
from .reference import Reference, assert_close, assert_ratio

# The reference values were made with greedy matching and without dropout.
OPTIONS = dict(head__loss__assigner__matching='greedy', head__neck__dropout=0.0)
_CROP = (
    'pad_mask_0', 'pad_mask_2', 'masks_0', 'masks_1', 'masks_2', 'targets_0', 'targets_1',
    'joints__0', 'joints__1', 'joints__2', 'boxes_2', 'obj_vis', 'has_kp_anns',
)  # fmt: skip
_GIVEN = ('hm4', 'hm2', 'fmap')


def modes(ref: Reference) -> list[str]:
    """Modes that the file has values of; at least the training mode is needed."""
    return [mode for mode in ('eval', 'train') if ref.below(f'{mode}/')] or ['train']


def is_group(ref: Reference) -> bool:
    """Whether heatmaps and features are given, or made from the network input."""
    return any(f'in/{key}' in ref for key in _GIVEN)


def needed_keys(ref: Reference) -> list[str]:
    """What the check reads."""
    inputs = (*_CROP, *(_GIVEN if is_group(ref) else ('img',)))
    keys = ['meta/config', *(f'in/{key}' for key in inputs)]
    for mode in modes(ref):
        names = [f'loss_{name}' for name in (*TERMS.values(), 'heatmap_loss', 'overall')]
        names += [f'target_{name}' for name in TARGETS]
        names += [f'pred_{name}' for name in (*PREDICTED, 'hard_loc_pred')]
        names += ['dt_centers', 'dt_batch', 'dt_person_mask', 'gradnorm_all', 'params_without_grad']
        slots = ('coords', 'score', 'keep_mask', 'keep_final')
        names += [f'{group}_{name}' for group in ('kp', 'person') for name in slots]
        norms, parts = (set(ref.below(f'{mode}/{key}/')) for key in ('gradnorm', 'gradsub'))
        names += [
            f'{key}/{name}' for name in sorted(norms | parts) for key in ('gradnorm', 'gradsub')
        ]
        if not norms | parts:
            names.append('gradnorm/*')
        keys += [f'{mode}/{name}' for name in names]
    return keys


def check(ref: Reference) -> None:
    """Compare with the file."""
    ref.require(needed_keys(ref))
    (check_group if is_group(ref) else check_full)(ref)


def check_group(ref: Reference) -> None:
    """From given heatmaps and features, in every mode of the file."""
    for mode in modes(ref):
        model = build_model(ref.meta('config'), ref.overrides(), **OPTIONS)
        head, prefix = model.head, f'{mode}/'
        head.neck.train(mode == 'train')
        head.grouping.train(mode == 'train')
        heatmaps = [ref['in/hm4'], ref['in/hm2']]
        maps, feature = head.merge([heatmaps]), ref['in/fmap']
        check_training(head, ref, maps, feature, prefix)
        check_total(model, losses_of(head, ref, maps, feature, heatmaps), ref, prefix)


def check_full(ref: Reference) -> None:
    """From the network input, by the stages of the head and by the estimator's ``loss``."""
    for mode in modes(ref):
        model = build_model(ref.meta('config'), ref.overrides(), **OPTIONS)
        model.train(mode == 'train')
        head, prefix = model.head, f'{mode}/'
        feature = model.extract_feat(ref['in/img'])[-1]
        heatmaps, _ = head.detector.split(head.detector((feature,)))
        maps = head.merge([heatmaps])
        check_training(head, ref, maps, feature, prefix)
        check_total(model, losses_of(head, ref, maps, feature, heatmaps), ref, prefix)
        check_terms(model.loss(ref['in/img'], samples_of(ref)), ref, prefix)


def losses_of(head, ref: Reference, maps: Tensor, feature: Tensor, heatmaps) -> dict[str, Tensor]:
    """Losses of the whole head, as its ``loss`` puts them together."""
    masks = (ref['in/pad_mask_0'].float(), ref['in/pad_mask_2'].float())
    losses = head.grouping_losses(maps, (feature,), masks, ref['in/masks_2'] > 0, persons_in(ref))
    return losses | head.detector.heatmap_losses(heatmaps, samples_of(ref))


def persons_in(ref: Reference) -> list[PersonTargets]:
    """Annotated persons of a file with training crops."""
    keys = ('joints__2', 'boxes_2', 'obj_vis', 'has_kp_anns')
    return persons_of(*(ref[f'in/{key}'] for key in keys))


def samples_of(ref: Reference) -> list[PoseDataSample]:
    """Data samples as MMPose packs them: the codec's labels and targets, the file's masks."""
    height, width = ref['in/masks_2'].shape[-2:]
    codec = KEYPOINT_CODECS.build(
        {**config_of(ref.meta('config')).codec, 'input_size': (width, height)}
    )
    pack = TRANSFORMS.build(dict(type='PackPoseInputs', meta_keys=()))
    samples = []
    for image, joints in enumerate(ref.array('in/joints__2')):
        boxes = ref.array('in/boxes_2')[image, ..., :2].reshape(len(joints), 4)
        mirrored = is_mirrored(ref, image)
        results = codec.encode(joints[:, :-1, :2], joints[:, :-1, 2], boxes, mirrored)
        matchable = results['matchable'] > 0
        known = (ref['in/obj_vis'] & ref['in/has_kp_anns'])[image].numpy()
        assert (matchable == known).all(), 'other persons can be matched'
        ours, theirs = (torch.from_numpy(j[matchable, -1]) for j in (results['joints'], joints))
        assert_close(ours, theirs[:, :2], 1e-4, 'annotated centers')
        for level, drawn in enumerate(results['heatmaps']):
            theirs = ref[f'in/targets_{level}'][image]
            assert_close(torch.from_numpy(drawn), theirs, 1e-6, f'targets {level}')
        results['heatmap_mask'] = [ref.array(f'in/masks_{level}')[image] for level in (0, 1)]
        results['label_mask'] = [ref.array(f'in/masks_{level}')[image] for level in (0, 2)]
        results['padding_mask'] = [ref.array(f'in/pad_mask_{level}')[image] for level in (0, 2)]
        results['img'] = np.zeros((height, width, 3), dtype=np.uint8)  # packed, and not used
        for key in ('label_mapping_table', 'field_mapping_table'):
            results[key] = getattr(codec, key)
        samples.append(pack(results)['data_samples'])
    return samples


def is_mirrored(ref: Reference, image: int) -> bool:
    """Whether a crop is mirrored: the official joints then lie 3/4 of a cell further left."""
    coarse, fine = (ref.array(f'in/joints__{level}')[image, :, :-1] for level in (0, 2))
    seen = fine[..., 2] > 0
    shift = (coarse[..., 0] - fine[..., 0] / 4)[seen]
    mirrored = bool(len(shift)) and shift.mean() < -0.375
    np.testing.assert_allclose(shift, -0.75 if mirrored else 0, atol=1e-4)
    return mirrored


def check_training(head, ref: Reference, maps: Tensor, feature: Tensor, prefix: str) -> None:
    """Proposals, targets and predictions of all grouping modules."""
    quarter, full = ref['in/pad_mask_0'].float(), ref['in/pad_mask_2'].float()
    keypoints, centers = head.propose(maps, full, ref['in/masks_2'] > 0)
    unmasked = head.propose(maps, full, torch.ones_like(full, dtype=torch.bool))
    pairs = (('kp', keypoints, unmasked[0]), ('person', centers, unmasked[1]))
    for name, ours, by_score in pairs:
        kept = ref[f'{prefix}{name}_keep_final']
        assert torch.equal(ours.valid, kept), f'{name}: other proposals are kept'
        assert torch.equal(by_score.valid, ref[f'{prefix}{name}_keep_mask']), f'{name}: scores'
        assert torch.equal(ours.points[kept], ref[f'{prefix}{name}_coords'][kept]), name
        assert_close(ours.scores, ref[f'{prefix}{name}_score'], stages.HEATMAP, f'{name} scores')
    flat = centers.flatten()
    valid = flat.valid
    assert torch.equal(flat.points[valid], ref[f'{prefix}dt_centers'])
    assert torch.equal(valid.nonzero()[:, 0], ref[f'{prefix}dt_batch'])
    for name in ('dt_person_mask', 'target_ignore'):
        assert (ref[f'{prefix}{name}'] > 0).all(), 'a center that is kept does not count'
    check_targets(head.loss_module, flat, persons_in(ref), ref, prefix)
    with torch.no_grad():
        outputs = head.group(
            [(feature,)], keypoints, centers, quarter, maps.shape[-2:], last_only=False
        )
    for index, output in enumerate(outputs):
        best = output.attention[valid].topk(2, dim=-1).values
        sure = best[..., 0] - best[..., 1] > stages.MARGIN
        for label, ours, atol in (
            ('person_tp', output.center[..., None], stages.PERSON),
            ('viz', output.visibility[..., None], stages.VISIBILITY),
            ('loc', output.soft_points, stages.LOCATION),
            ('hard_loc', output.hard_points, stages.LOCATION),
        ):
            ours, theirs = ours[valid], ref[f'{prefix}pred_{label}_pred'][index]
            if label == 'hard_loc':
                ours, theirs = ours[sure], theirs[sure]
            assert_close(ours, theirs, atol, f'{prefix}{label} of module {index}')


def check_total(model, losses: dict, ref: Reference, prefix: str) -> None:
    """Every term, their sum and its gradient."""
    check_terms(losses, ref, prefix)
    total = sum(losses.values())
    assert_ratio(total.item(), ref[f'{prefix}loss_overall'].item(), 'loss')
    model.zero_grad()
    total.backward()
    check_gradients(model, ref, prefix)


def check_gradients(model, ref: Reference, prefix: str) -> None:
    """Gradient norms of single parameters and of the whole model."""
    parameters = dict(model.named_parameters())
    for name in ref.below(f'{prefix}gradnorm/'):
        ours, theirs = parameters[from_official(name)].grad, ref[f'{prefix}gradnorm/{name}'].item()
        assert_ratio(ours.norm().item(), theirs, f'gradient norm of {name}')
        part = ref[f'{prefix}gradsub/{name}'].flatten()
        assert_close(ours.flatten()[: len(part)], part, 1e-4 * theirs, f'gradient of {name}')
    without = {from_official(name) for name in ref.array(f'{prefix}params_without_grad').tolist()}
    for name, parameter in parameters.items():
        moved = parameter.grad is not None and bool(parameter.grad.any())
        assert moved != (name in without), f'{name}: gradient {"" if moved else "not "}expected'
    gradients = [p.grad.double() for p in parameters.values() if p.grad is not None]
    total = sum(gradient.square().sum() for gradient in gradients).sqrt().item()
    assert_ratio(total, ref[f'{prefix}gradnorm_all'].item(), 'gradient norm')
