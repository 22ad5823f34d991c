"""Everything behind the merged heatmaps, stage by stage, as `predict` runs it.

Tolerances are ten times the noise figures of the reference values' description: what a rerun of
the official implementation in double precision changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from centergroup_mm.datasets.transforms.resize import fit_short_side
from centergroup_mm.models.grouping import (
    GroupingOutput,
    Proposals,
    merge_mirrored,
    sine_encoding_at,
)
from centergroup_mm.models.heads import Detection
from centergroup_mm.utils.valid_mask import valid_mask

from .reference import Reference, assert_close

HEATMAP, EMBEDDING, ENCODER = 3e-6, 3e-5, 9e-5
ATTENTION, VISIBILITY, PERSON = 7e-4, 4e-4, 8e-5
LOCATION, POSE, SCORE = 2e-2, 5e-5, 1.4e-5
# Two attention logits closer than both their noises may change places.
MARGIN = 2 * ATTENTION
# Scales of a multi-scale reference file, 2, 1 and 0.5, the original first as in MMPose.
SCALE_ORDER = (1, 0, 2)

META = (
    'config', 'image_hw', 'image_size', 'flip', 'multiscale', 'flip_index', 'input_hw', 'center',
    'scale',
)  # fmt: skip
_PREDICTIONS = ('person_tp_pred', 'viz_pred', 'loc_pred', 'hard_loc_pred')
_SLOTS = ('coords', 'score', 'keep', 'keep_score', 'embed_sub', 'posfeat_sub', 'node_sub')


def needed_keys(ref: Reference) -> list[str]:
    """What every file with poses must hold."""
    ref.require(f'meta/{key}' for key in META)
    outputs = [f'{group}_{name}' for group in ('kp', 'person') for name in _SLOTS]
    outputs += ['kp_type', 'encoder_kp_sub', 'encoder_person_sub', 'group_batch', 'poses', 'scores']
    outputs += ['attn_last_raw_sub', 'attn_last_argmax', 'attn_last_max', 'attn_margin']
    sources = ['group', 'merged'] + ['flipback'] * bool(ref.meta('flip'))
    outputs += [f'{source}_{name}' for source in sources for name in _PREDICTIONS]
    keys = [f'meta/{key}' for key in META] + [f'out/{name}' for name in outputs]
    return keys + [f'in/pad_mask_{stride}' for stride in (4, 2, 1)]


def flip_indices_of(ref: Reference) -> Tensor | None:
    """Mirror joints if the file is a flip test, else None."""
    return ref['meta/flip_index'] if ref.meta('flip') else None


def scale_order(ref: Reference) -> tuple[int, ...]:
    """Indices of the file's scales, the original one first."""
    return SCALE_ORDER if ref.meta('multiscale') else (0,)


def sample_meta(ref: Reference) -> dict:
    """What the test pipeline notes about the image."""
    height, width = ref.meta('input_hw')
    return dict(
        ori_shape=tuple(ref.meta('image_hw')),
        img_shape=(height, width),
        input_size=(width, height),
        input_center=ref.array('meta/center'),
        input_scale=ref.array('meta/scale') * 200,
        flip_indices=ref.meta('flip_index'),
    )


def check_stages(head, detection: Detection, ref: Reference) -> None:
    """Compare every stage behind the merged maps with the file."""
    flip_indices = flip_indices_of(ref)
    masks = check_masks(ref)
    keypoints, centers = check_proposals(head, detection, ref, masks[1], flip_indices)
    quarter = masks[0] if flip_indices is None else torch.cat([masks[0], masks[0].flip(-1)])
    check_tokens(head.neck, detection, keypoints, centers, quarter, ref)
    size = (detection.maps.shape[-2], detection.maps.shape[-1])
    outputs = head.group(detection.features, keypoints, centers, quarter, size, last_only=False)
    valid = centers.flatten().valid
    check_outputs(outputs, valid, ref)
    if flip_indices is None:
        merged = outputs
    else:
        check_mirror(outputs, valid, ref, flip_indices, size[1])
        merged = [merge_mirrored(output, flip_indices, size[1]) for output in outputs]
    sure = sure_joints(ref, flip_indices)
    check_predictions(merged, valid[: len(masks[0])], ref, 'merged', sure)
    check_poses(head, detection, masks, ref, flip_indices)


def check_masks(ref: Reference) -> tuple[Tensor, Tensor]:
    """Masks of the image, from the metas as `predict` makes them; returns 1/4 and full."""
    meta, size = sample_meta(ref), tuple(ref.meta('input_hw'))
    height, width = ref.meta('image_hw')
    # Of several scales the smallest, 0.5, is rounded and the others are its multiples.
    factor = 2 if ref.meta('multiscale') else 1
    wanted, covered = fit_short_side((width, height), ref.meta('image_size') // factor)
    wanted = tuple(factor * side for side in wanted)
    assert wanted == size[::-1], f'input size {wanted}, not {size[::-1]}'
    assert_close(torch.tensor(covered), torch.tensor(meta['input_scale']), 1e-9, 'scale')
    masks = {stride: valid_mask([meta], size, stride, 'cpu') for stride in (4, 2, 1)}
    for stride, mask in masks.items():
        theirs = ref[f'in/pad_mask_{stride}'].float()
        assert torch.equal(mask, theirs), f'padding mask at 1/{stride} differs'
    return masks[4], masks[1]


def check_proposals(
    head, detection: Detection, ref: Reference, full: Tensor, flip_indices: Tensor | None
) -> tuple[Proposals, Proposals]:
    """Which peaks are chosen; returns keypoints and centers of all views."""
    both = head.propose(detection.maps, full, full > 0, flip_indices)
    everywhere = torch.ones_like(full, dtype=torch.bool)
    by_score = head.propose(detection.maps, full, everywhere, flip_indices)
    for name, ours, unmasked in zip(('kp', 'person'), both, by_score, strict=True):
        kept = ref[f'out/{name}_keep']
        assert torch.equal(ours.valid, kept), f'{name}: other proposals are kept'
        assert torch.equal(unmasked.valid, ref[f'out/{name}_keep_score']), f'{name}: other scores'
        assert torch.equal(ours.points[kept].long(), ref[f'out/{name}_coords'][kept].long()), name
        assert_close(ours.scores, ref[f'out/{name}_score'], HEATMAP, f'{name} scores')
    types = torch.arange(both[0].valid.shape[1])[:, None].expand_as(both[0].valid)
    assert torch.equal(types, ref['out/kp_type'].long()), 'slots are not sorted by type'
    return both


def check_tokens(
    neck, detection: Detection, keypoints: Proposals, centers: Proposals, quarter: Tensor, ref
) -> None:
    """Embeddings, positions, nodes and encoder layers of the first ranks."""
    size = (detection.maps.shape[-2], detection.maps.shape[-1])
    tokens = neck(detection.features, keypoints, centers, quarter, size)
    split = keypoints.scores[0].numel()
    embeddings = neck.embed(detection.features, keypoints, centers, size)
    for name, group, part in (
        ('kp', keypoints, slice(split)),
        ('person', centers, slice(split, None)),
    ):
        layers = [layer[:, part] for layer in tokens.layers]
        points, ranks = group.flatten().points, group.scores.shape[1:]
        first = ref[f'out/{name}_node_sub'].shape[2]
        kept = ref[f'out/{name}_keep'][:, :, :first]
        for label, values, atol in (
            ('embed', embeddings[:, part], EMBEDDING),
            ('posfeat', sine_encoding_at(quarter, points, size), 1e-5),
            ('node', layers[0], EMBEDDING),
        ):
            ours = values.unflatten(1, ranks)[:, :, :first]
            assert_close(ours[kept], ref[f'out/{name}_{label}_sub'][kept], atol, f'{name} {label}')
        for index, theirs in enumerate(ref[f'out/encoder_{name}_sub']):
            ours = layers[index + 1].unflatten(1, ranks)[:, :, :first]
            theirs = theirs.view_as(ours)
            assert_close(ours[kept], theirs[kept], ENCODER, f'encoder layer {index} {name}')


def check_outputs(outputs: Sequence[GroupingOutput], valid: Tensor, ref: Reference) -> None:
    """What each grouping module says, and the last one's attention."""
    assert torch.equal(valid.nonzero()[:, 0], ref['out/group_batch'].long()), 'other centers'
    margins = ref['out/attn_margin']
    check_predictions(outputs, valid, ref, 'group', margins > MARGIN)
    for index, (output, theirs) in enumerate(zip(outputs, margins, strict=True)):
        best = output.attention[valid].topk(2, dim=-1).values  # [P x K x 2]
        assert_close(best[..., 0] - best[..., 1], theirs, MARGIN, f'margins of module {index}')
    logits = outputs[-1].attention  # [B x C x K x M]
    raw = ref['out/attn_last_raw_sub']
    finite = torch.isfinite(raw)
    first = torch.stack([
        image[seen][: raw.shape[1]] for image, seen in zip(logits, valid, strict=True)
    ])  # fmt: skip
    assert_close(first[finite], raw[finite], ATTENTION, 'attention logits')
    assert (first[~finite] < -1e30).all(), 'masked keypoints are attended to'
    weights, best = logits[valid].softmax(-1).max(-1)
    assert_close(weights, ref['out/attn_last_max'], ATTENTION, 'largest attention')
    sure = margins[-1] > MARGIN
    assert torch.equal(best[sure], ref['out/attn_last_argmax'].long()[sure]), 'other keypoints'


def check_predictions(
    outputs: Sequence[GroupingOutput], valid: Tensor, ref: Reference, source: str, sure: Tensor
) -> None:
    """Logits and locations of all modules, centers in a row.

    Args:
        outputs: of the modules.
        valid: [B x C] centers that the file has.
        ref: the file.
        source: ``group``, ``flipback`` or ``merged``.
        sure: [modules x P x K] joints whose place does not hang on rounding.
    """
    for index, output in enumerate(outputs):
        for label, ours, atol in (
            ('person_tp', output.center[..., None], PERSON),
            ('viz', output.visibility[..., None], VISIBILITY),
            ('loc', output.soft_points, LOCATION),
            ('hard_loc', output.hard_points, LOCATION),
        ):
            ours, theirs = ours[valid], ref[f'out/{source}_{label}_pred'][index]
            if label == 'hard_loc' or (label == 'loc' and source == 'merged'):
                ours, theirs = ours[sure[index]], theirs[sure[index]]
            assert_close(ours, theirs, atol, f'{source} {label} of module {index}')


def sure_joints(ref: Reference, flip_indices: Tensor | None) -> Tensor:
    """Joints whose place after the merge of views does not hang on rounding.

    The best keypoint must be clear in both views, and so must be the surer view.
    """
    sure = ref['out/attn_margin'] > MARGIN
    if flip_indices is None:
        return sure
    there = ref['out/group_viz_pred'][:, : sure.shape[1] // 2, :, 0]
    back = ref['out/flipback_viz_pred'][..., 0]
    there_sure, back_sure = sure.chunk(2, dim=1)
    return there_sure & back_sure[:, :, flip_indices] & ((there - back).abs() > 2 * VISIBILITY)


def check_mirror(
    outputs: Sequence[GroupingOutput], valid: Tensor, ref: Reference, flip_indices: Tensor, width
) -> None:
    """What the mirrored view says, brought back into the unmirrored image."""
    back = []
    for output in outputs:
        _, soft, hard, visibility, center = (field[len(valid) // 2 :] for field in output)
        soft, hard = (
            torch.stack([width - 1 - points[..., 0], points[..., 1]], -1)[:, :, flip_indices]
            for points in (soft, hard)
        )
        back.append(GroupingOutput(None, soft, hard, visibility[:, :, flip_indices], center))
    sure = (ref['out/attn_margin'] > MARGIN).chunk(2, dim=1)[1][:, :, flip_indices]
    check_predictions(back, valid[len(valid) // 2 :], ref, 'flipback', sure)


def check_poses(
    head, detection: Detection, masks: tuple[Tensor, Tensor], ref: Reference, flip_indices
) -> None:
    """Poses and scores through the very functions that `predict` calls."""
    output, centers = head.infer(detection, masks, flip_indices)
    poses = head.decoder.batch_decode(output, detection.maps[:, :-1], centers.valid)
    instances = head.decoder.to_instances(poses)[0]
    compare_poses(
        to_image(torch.from_numpy(instances.keypoints), ref),
        torch.from_numpy(instances.keypoint_scores),
        torch.from_numpy(instances.bbox_scores),
        ref,
    )


def to_image(points: Tensor, ref: Reference) -> Tensor:
    """Points of the network input in pixels of the original image."""
    meta = {k: torch.as_tensor(v).double() for k, v in sample_meta(ref).items() if 'input_' in k}
    share = points.double() / meta['input_size'] - 0.5
    return share * meta['input_scale'] + meta['input_center']


def compare_poses(points: Tensor, visibility: Tensor, scores: Tensor, ref: Reference) -> None:
    """Poses [P x K x 2] in pixels of the original image, visibilities and scores."""
    theirs = ref['out/poses']
    sure = sure_joints(ref, flip_indices_of(ref))[-1]
    spacing = float(np.spacing(theirs[..., :2].abs().max().numpy()))  # float32's own, above 512 px
    assert_close(points[sure], theirs[..., :2][sure], max(POSE, spacing), 'poses')
    for column in (2, 3):
        assert_close(visibility, theirs[..., column], SCORE, 'visibilities')
    assert_close(scores, ref['out/scores'], SCORE, 'pose scores')
