"""Everything behind the backbone against the authors' program (`grouping_*`, `pipeline_*`)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from centergroup_mm.models.grouping import (
    Proposals,
    mirror_proposals,
    sine_encoding_at,
)
from centergroup_mm.models.heads.centergroup_stages import Detection

from .conftest import Reference, assert_close, build_model, files_of

# Scales of a multi-scale reference file, the original first as in MMPose.
SCALE_ORDER = (1, 0, 2)


def to_views(proposals: Proposals, flip_indices, width: int) -> Proposals:
    """Proposals of all views, as the head gives them to the neck."""
    if flip_indices is None:
        return proposals
    mirrored = mirror_proposals(proposals, flip_indices, width)
    return Proposals(*map(torch.cat, zip(proposals, mirrored, strict=True)))


def by_center(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """[B x C x ...] -> [P_total x ...], images one after the other."""
    return values[valid]


def check_head(head, detection: Detection, ref: Reference, flip_indices) -> None:
    """Compare every stage behind the merged maps with the file."""
    height, width = detection.maps.shape[-2:]
    size = (height, width)
    quarter, full = ref['in/pad_mask_4'].float(), ref['in/pad_mask_1'].float()
    keypoints, centers = head.propose(detection.maps, full, full > 0)
    keypoints = to_views(keypoints, flip_indices, width)
    no_flip = None if flip_indices is None else torch.zeros(1, dtype=torch.long)
    centers = to_views(centers, no_flip, width)
    quarters = quarter if flip_indices is None else torch.cat([quarter, quarter.flip(-1)])

    for name, ours in (('kp', keypoints), ('person', centers)):
        kept = ref[f'out/{name}_keep']
        assert torch.equal(ours.valid, kept), f'{name}: other proposals are kept'
        assert torch.equal(ours.points[kept].int(), ref[f'out/{name}_coords'][kept].int())
        assert_close(ours.scores[kept], ref[f'out/{name}_score'][kept], 3e-6, f'{name} scores')

    # embeddings, positions and tokens of the first ranks
    neck = head.neck
    tokens = neck(detection.features, keypoints, centers, quarters, size)
    _, num_joints, ranks = keypoints.scores.shape
    split = num_joints * ranks
    flat_keypoints, flat_centers = keypoints.flatten(), centers.flatten()
    maps = neck.embed(detection.features)
    for name, flat, which, num, first in (
        ('kp', flat_keypoints, maps[0], num_joints, 2),
        ('person', flat_centers, maps[1], 1, 6),
    ):
        embedded = neck._sample(which, flat.points, size).unflatten(1, (num, ranks))
        position = sine_encoding_at(quarters, flat.points, size).unflatten(1, (num, ranks))
        kept = ref[f'out/{name}_keep'][:, :, :first]
        layer = tokens.layers[0]
        node = (layer[:, :split] if name == 'kp' else layer[:, split:]).unflatten(1, (num, ranks))
        for label, ours, atol in (
            ('embed', embedded, 3e-5),
            ('posfeat', position, 1e-5),
            ('node', node, 3e-5),
        ):
            theirs = ref[f'out/{name}_{label}_sub']
            assert_close(ours[:, :, :first][kept], theirs[kept], atol, f'{name} {label}')
    kp_kept, person_kept = ref['out/kp_keep'][:, :, :2], ref['out/person_keep'][:, 0, :6]
    for i in range(3):
        layer = tokens.layers[i + 1]
        ours = layer[:, :split].unflatten(1, (num_joints, ranks))[:, :, :2]
        assert_close(
            ours[kp_kept], ref['out/encoder_kp_sub'][i][kp_kept], 9e-5, f'encoder keypoints {i}'
        )
        assert_close(
            layer[:, split:][:, :6][person_kept],
            ref['out/encoder_person_sub'][i][person_kept],
            9e-5,
            f'encoder centers {i}',
        )

    # all four grouping modules
    outputs = head.group(detection.features, keypoints, centers, quarters, size, last_only=False)
    valid = flat_centers.valid
    for i, output in enumerate(outputs):
        for label, ours, atol in (
            ('person_tp', output.center[..., None], 8e-5),
            ('viz', output.visibility[..., None], 4e-4),
            ('loc', output.soft_points, 2e-2),
        ):
            theirs = ref[f'out/group_{label}_pred'][i]
            assert_close(by_center(ours, valid), theirs, atol, f'{label} of module {i}')
        sure = ref['out/attn_margin'][i] > 1e-3
        hard = by_center(output.hard_points, valid)
        theirs = ref['out/group_hard_loc_pred'][i]
        assert_close(hard[sure], theirs[sure], 1e-4, f'hard locations of module {i}')
    last = outputs[-1].attention
    raw = ref['out/attn_last_raw_sub']
    finite = torch.isfinite(raw)
    first_three = torch.stack([a[v][:3] for a, v in zip(last, valid, strict=True)])
    assert_close(first_three[finite], raw[finite], 7e-4, 'attention logits')
    assert (first_three[~finite] < -1e30).all()

    # flip merge, scores and poses through the very functions of `predict`
    output, merged_centers = head.infer(detection, (quarter, full), flip_indices)
    kept = merged_centers.valid
    if flip_indices is not None:
        for label, ours, atol in (
            ('person_tp', output.center[..., None], 8e-5),
            ('viz', output.visibility[..., None], 4e-4),
        ):
            assert_close(by_center(ours, kept), ref[f'out/merged_{label}_pred'][-1], atol, label)
    poses = head.decoder.batch_decode(output, detection.maps[:, :-1], kept)
    scale, center = np.array(ref.meta('scale')) * 200, np.array(ref.meta('center'))
    input_wh = np.array(ref.meta('input_hw'))[::-1]
    points = poses.keypoints[0][kept[0]].detach().double().numpy()
    points = points / input_wh * scale + center - scale / 2
    theirs = ref['out/poses']
    assert_close(torch.from_numpy(points), theirs[..., :2], 1e-4, 'poses')
    assert_close(poses.keypoint_scores[0][kept[0]], theirs[..., 2], 1e-4, 'joint scores')
    assert_close(poses.scores[0][kept[0]], ref['out/scores'], 1.4e-5, 'pose scores')


def flip_indices_of(ref: Reference):
    """Mirror joints if the file is a flip test, else None."""
    return ref['meta/flip_index'] if ref.meta('flip') else None


def scale_order(ref: Reference) -> tuple[int, ...]:
    """Indices of the file's scales, the original one first."""
    return SCALE_ORDER if ref.meta('multiscale') else (0,)


@pytest.mark.parametrize('path', files_of('grouping'))
@torch.no_grad()
def test_grouping(path):
    ref = Reference(path)
    head = build_model(ref.meta('config'), ref.overrides()).head
    order = scale_order(ref)
    flip_indices = flip_indices_of(ref)
    maps = head.merge(
        [(ref[f'in/s{i}/hm4'], ref[f'in/s{i}/hm2']) for i in order],
        flip_indices,
        tuple(ref.meta('input_hw')),
    )
    check_head(head, Detection(maps, [ref[f'in/s{i}/fmap'] for i in order]), ref, flip_indices)


@pytest.mark.parametrize('path', files_of('pipeline'))
@torch.no_grad()
def test_pipeline(path):
    ref = Reference(path)
    model = build_model(ref.meta('config'), ref.overrides())
    flip_indices = flip_indices_of(ref)
    features = []
    for i in scale_order(ref):
        image = ref[f'in/resized_s{i}'].permute(2, 0, 1).flip(0)  # files hold RGB
        batch = model.data_preprocessor(dict(inputs=[image], data_samples=[]))['inputs']
        views = [batch] if flip_indices is None else [batch, batch.flip(-1)]
        features.append(torch.cat([model.extract_feat(view)[-1] for view in views]))
    detection = model.head.detect(features, flip_indices, tuple(ref.meta('input_hw')))
    maps = detection.maps
    assert_close(maps[0, :-1, ::2, ::2], ref['out/kp_heatmaps_sub2'], 3e-6, 'joint heatmaps')
    assert_close(maps[0, -1:, ::2, ::2], ref['out/person_heatmaps_sub2'], 3e-6, 'center heatmap')
    check_head(model.head, detection, ref, flip_indices)
