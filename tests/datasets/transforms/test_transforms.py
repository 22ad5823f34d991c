"""Transforms of training and test, in MMPose's pipeline and against the official implementation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_warp_matrix
from pycocotools import mask as coco_mask

from centergroup_mm.datasets.transforms import (
    BottomupPaddingMask,
    CenterGroupRandomAffine,
    CenterGroupResize,
    CrowdHeatmapMask,
)
from centergroup_mm.datasets.transforms.resize import fit_short_side
from centergroup_mm.utils.valid_mask import valid_mask

from ...parity.conftest import files_of

FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
RNG = np.random.default_rng(0)


def results_of(num_persons: int = 2, size: tuple[int, int] = (120, 90)) -> dict:
    """What `LoadImage` hands on, for an image of [w, h]."""
    points = RNG.uniform(0, 1, (num_persons, 17, 2)) * size
    boxes = np.concatenate([points.min(1), points.max(1)], 1)
    return dict(
        img=RNG.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8),
        img_shape=(size[1], size[0]),
        ori_shape=(size[1], size[0]),
        id=list(range(num_persons)),
        img_id=1,
        flip_indices=FLIP_INDICES,
        keypoints=points.astype(np.float32),
        keypoints_visible=np.ones((num_persons, 17), np.float32),
        bbox=boxes.astype(np.float32),
        area=np.full(num_persons, 100.0, np.float32),
        invalid_segs=[],
    )


# ---- resize -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('image', 'short_side', 'expected'),
    [
        ((640, 480), 512, (704, 512)),
        ((480, 640), 512, (512, 704)),
        ((500, 500), 500, (512, 512)),
        ((640, 427), 640, (960, 640)),
        ((1000, 1), 64, (256, 64)),
    ],
)
def test_input_sizes(image, short_side, expected):
    size, covered = fit_short_side(image, short_side)
    assert size == expected
    ratio = np.array(size) / covered
    assert ratio[0] == pytest.approx(ratio[1])
    assert (covered >= np.array(image) - 1e-6).all()


@pytest.mark.parametrize('size', [(120, 90), (91, 121), (64, 64), (101, 33)])
@pytest.mark.parametrize('input_size', [128, (128, 192)])
def test_resize_tells_where_the_image_is(size, input_size):
    results = CenterGroupResize(input_size)(results_of(size=size))
    assert results['img'].shape[:2] == results['img_shape'] == results['input_size'][::-1]
    points = results['keypoints'].astype(np.float64)
    warped = cv2.transform(points, results['warp_mat'])
    back = warped / results['input_size'] * results['input_scale']
    back += results['input_center'] - 0.5 * np.array(results['input_scale'])
    np.testing.assert_allclose(back, points, atol=1e-3)


def test_resize_pads_with_black_around_the_middle():
    results = results_of(size=(120, 90))
    results['img'][:] = 255
    image = CenterGroupResize(128)(results)['img']
    assert image.shape == (128, 192, 3)
    columns = np.flatnonzero(image[64, :, 0])
    assert abs(columns[0] - (191 - columns[-1])) <= 2
    assert not image[:, : columns[0]].any() and not image[:, columns[-1] + 1 :].any()


@pytest.mark.parametrize('path', files_of('pipeline'))
def test_resize_of_the_official_implementation(path):
    data = np.load(path)
    scales = [2.0, 0.5] if data['meta/multiscale'] else None
    resize = CenterGroupResize(int(data['meta/image_size']), aug_scales=scales)
    results = resize({'img': data['in/image']})
    images = results['img'] if scales else [results['img']]
    # The official order is 2, 1, 0.5; ours has the original scale first.
    for image, index in zip(images, (1, 0, 2) if scales else (0,), strict=True):
        np.testing.assert_array_equal(image, data[f'in/resized_s{index}'])
    assert results['img_shape'] == tuple(data['meta/input_hw'])
    np.testing.assert_array_equal(results['input_center'], data['meta/center'])
    np.testing.assert_allclose(results['input_scale'], data['meta/scale'] * 200, rtol=1e-12)


@pytest.mark.parametrize(
    ('image', 'short_side', 'scales', 'expected'),
    [
        ((640, 480), 512, [2.0, 0.5], [(768, 512), (1536, 1024), (384, 256)]),
        ((640, 480), 512, [0.5], [(768, 512), (384, 256)]),
        ((640, 480), 512, [2.0], [(704, 512), (1408, 1024)]),
        ((427, 640), 640, [0.5, 1.5], [(640, 1024), (320, 512), (960, 1536)]),
    ],
)
def test_sizes_of_several_scales(image, short_side, scales, expected):
    results = CenterGroupResize(short_side, aug_scales=scales)(results_of(0, image))
    assert [i.shape[1::-1] for i in results['img']] == expected
    assert results['input_size'] == expected[0] and results['img_shape'] == expected[0][::-1]
    assert results['aug_scales'] == scales


def test_no_more_scales_give_one_image():
    results = CenterGroupResize(128, aug_scales=[])(results_of(0))
    assert isinstance(results['img'], np.ndarray) and 'aug_scales' not in results


@pytest.mark.parametrize('scales', [[0.75], [2.0, 0.3], [0.0], [-1.0]])
def test_scales_need_a_common_grid(scales):
    with pytest.raises(ValueError, match='multiple of the smallest'):
        CenterGroupResize(128, aug_scales=scales)


# ---- random affine ------------------------------------------------------------------------


def test_affine_moves_everything_alike():
    before = results_of()
    points, boxes = before['keypoints'].copy(), before['bbox'].copy()
    after = CenterGroupRandomAffine((64, 64), rotate_factor=30.0)(before)
    assert after['img'].shape == (64, 64, 3) and after['input_size'] == (64, 64)
    matrix = after['warp_mat']
    np.testing.assert_allclose(after['keypoints'], cv2.transform(points, matrix), atol=1e-4)
    corners = cv2.transform(boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2), matrix)
    extent = np.concatenate([corners.min(1), corners.max(1)], 1)
    np.testing.assert_allclose(after['bbox'], extent, atol=1e-3)


@pytest.mark.parametrize('size', [(120, 90), (90, 200)])
def test_affine_draws_from_the_stated_ranges(size):
    np.random.seed(0)
    transform = CenterGroupRandomAffine((64, 64))
    scales, shifts = [], []
    for _ in range(300):
        matrix = transform(results_of(1, size))['warp_mat']
        side = 64 / matrix[0, 0]
        center = np.linalg.solve(matrix[:, :2], np.array([32, 32]) - matrix[:, 2])
        scales.append(side / min(size))
        shifts.append((center - np.array(size) / 2) / side)
        assert abs(matrix[0, 1]) < 1e-6
    for values, low, high in ((scales, 0.75, 1.5), (np.ravel(shifts), -0.2, 0.2)):
        width = high - low
        assert low - 1e-5 <= min(values) < low + 0.05 * width
        assert high - 0.05 * width < max(values) <= high + 1e-5
        assert np.std(values) == pytest.approx(width / 12**0.5, rel=0.1)


@pytest.mark.parametrize('path', files_of('loss_group'))
def test_affine_ranges_are_the_official_ones(path):
    """The official crops lie in our ranges and explain their joints to the pixel."""
    data = np.load(path)
    for image in (0, 1):
        geometry = program_crop(data, image)
        assert 0.75 <= geometry['scale'] <= 1.5
        assert np.abs(geometry['shift']).max() <= 0.2
        points = cv2.transform(data[f'raw/joints_{image}'][:, :17, :2], geometry['warp_mat'])
        if geometry['flip']:
            points[..., 0] = 127 - points[..., 0]
            points = points[:, data['meta/flip_index']]
        joints = data['in/joints__2'][image, : len(points), :17]
        seen = joints[..., 2] > 0
        np.testing.assert_allclose(points[seen], joints[seen][:, :2], atol=1e-3)


def test_affine_wants_a_square():
    with pytest.raises(ValueError, match='square'):
        CenterGroupRandomAffine((64, 96))
    with pytest.raises(ValueError, match='affine'):
        CenterGroupRandomAffine((64, 64), transform_mode='perspective')


# ---- padding mask -------------------------------------------------------------------------


def program_crop(data, image: int) -> dict:
    """The crop that the official implementation drew for an image, from its random seed."""
    random = np.random.RandomState(int(data[f'raw/np_seed_{image}']))
    height, width = data[f'raw/image_{image}'].shape[:2]
    scale = random.random_sample() * 0.75 + 0.75
    random.random_sample()  # the angle, times 0
    side = min(height, width) * scale
    reach = 0.2 * side
    shift = np.array([random.randint(-reach, reach) for _ in range(2)])
    center = np.array([width, height]) / 2 + shift
    return dict(
        img_shape=(height, width),
        input_size=(128, 128),
        warp_mat=get_warp_matrix(center, np.array([side, side]), 0, (128, 128)),
        flip=random.random_sample() < 0.5,
        flip_direction='horizontal',
        scale=scale,
        shift=shift / side,
    )


@pytest.mark.parametrize('path', files_of('loss_group'))
def test_padding_mask_of_the_official_implementation(path):
    data = np.load(path)
    for image in (0, 1):
        masks = BottomupPaddingMask((4, 2, 1))(program_crop(data, image))['padding_mask']
        for level, mask in enumerate(masks):
            np.testing.assert_array_equal(mask, data[f'in/pad_mask_{level}'][image])


@pytest.mark.parametrize('path', files_of('loss_group'))
def test_label_masks_of_the_official_implementation(path):
    data = np.load(path)
    for image in (0, 1):
        crop = program_crop(data, image)
        regions = np.asfortranarray(~data[f'raw/mask_{image}'], dtype=np.uint8)
        crop['invalid_segs'] = [coco_mask.encode(regions)]
        results = CrowdHeatmapMask((4, 2), (4, 1))(crop)
        for key, levels in (('heatmap_mask', (0, 1)), ('label_mask', (0, 2))):
            for mask, level in zip(results[key], levels, strict=True):
                np.testing.assert_array_equal(mask, data[f'in/masks_{level}'][image])


@pytest.mark.parametrize('size', [(120, 90), (91, 121), (64, 64)])
def test_padding_mask_agrees_with_the_one_of_test(size):
    """The mask warped for training is the mask computed from metas for test."""
    results = BottomupPaddingMask()(CenterGroupResize(128)(results_of(size=size) | dict(flip=0)))
    # Training knows the original size as img_shape, test as ori_shape.
    results['img_shape'] = results['ori_shape']
    masks = BottomupPaddingMask()(results)['padding_mask']
    canvas = results['img'].shape[:2]
    for stride, mask in zip((4, 1), masks, strict=True):
        theirs = valid_mask([results], canvas, stride, 'cpu')[0].numpy()
        # Only the image's four corners may differ, where a warped one is below one half.
        assert (theirs != mask).sum() <= 4


def test_padding_mask_is_flipped_with_the_image():
    results = dict(
        img_shape=(64, 64), input_size=(64, 64), warp_mat=np.array([[1.0, 0, 16], [0, 1.0, 0]])
    )
    plain = BottomupPaddingMask()(dict(results))['padding_mask']
    flipped = BottomupPaddingMask()(results | dict(flip=True, flip_direction='horizontal'))
    for mask, mirrored in zip(plain, flipped['padding_mask'], strict=True):
        assert mask.dtype == np.float32 and 0 < mask.mean() < 1
        np.testing.assert_array_equal(mask, mirrored[:, ::-1])


def test_padding_mask_refuses_what_it_cannot_follow():
    results = dict(img_shape=(64, 64), input_size=(64, 64))
    assert all(m.all() for m in BottomupPaddingMask()(dict(results))['padding_mask'])
    with pytest.raises(ValueError, match='affine'):
        BottomupPaddingMask()(results | dict(warp_mat=np.eye(3)))
    with pytest.raises(ValueError, match='horizontal'):
        BottomupPaddingMask()(results | dict(flip=True, flip_direction='vertical'))


# ---- the whole pipeline -------------------------------------------------------------------


@pytest.mark.parametrize('num_persons', [0, 1, 3])
@pytest.mark.parametrize(
    'codec',
    [
        dict(type='CenterAssociativeEmbedding', input_size=(64, 64)),
        dict(type='AttentionGroupingCodec', input_size=(64, 64)),
    ],
)
def test_training_pipeline(num_persons, codec):
    init_default_scope('mmpose')
    pipeline = [
        dict(type='CenterGroupRandomAffine', input_size=(64, 64), rotate_factor=30.0),
        dict(type='RandomFlip', direction='horizontal'),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='CrowdHeatmapMask'),
        dict(type='BottomupPaddingMask'),
        dict(type='PackPoseInputs'),
    ]
    packed = Compose([TRANSFORMS.build(step) for step in pipeline])(results_of(num_persons))
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 64, 64)
    fields = sample.gt_fields
    assert [tuple(level.shape) for level in fields.heatmaps] == [(18, 16, 16), (18, 32, 32)]
    assert [tuple(level.shape) for level in fields.heatmap_mask] == [(16, 16), (32, 32)]
    for masks in (
        fields.padding_mask,
        *([fields.label_mask] if 'Grouping' in codec['type'] else []),
    ):
        assert [tuple(level.shape) for level in masks] == [(16, 16), (64, 64)]
    labels = sample.gt_instance_labels
    assert set(labels.keys()) == set(
        TRANSFORMS.build(pipeline[2]).encoder.label_mapping_table.values()
    )
    assert len(labels) == num_persons


def test_test_pipeline():
    init_default_scope('mmpose')
    results = results_of(0)
    for key in ('keypoints', 'keypoints_visible', 'bbox', 'area'):
        del results[key]  # an image without annotations has none of them
    results = CenterGroupResize(64)(results)
    sample = TRANSFORMS.build(dict(type='PackPoseInputs'))(results)['data_samples']
    assert sample.img_shape == (64, 128) and tuple(sample.input_size) == (128, 64)


@pytest.mark.parametrize('counts', ['list', 'bytes'])
def test_run_length_encoded_crowds_are_masked(counts):
    region = np.zeros((40, 60), dtype=np.uint8)
    region[10:20, 30:50] = 1
    seg = coco_mask.encode(np.asfortranarray(region))
    if counts == 'list':
        runs, value, length = [], 0, 0
        for cell in region.T.ravel():
            if cell != value:
                runs.append(length)
                value, length = cell, 0
            length += 1
        seg = dict(size=[40, 60], counts=[*runs, length])
    polygon = [[0, 0, 5, 0, 5, 5, 0, 5]]
    results = dict(invalid_segs=[seg, polygon], img_shape=(40, 60), input_size=(60, 40))
    _, mask = CrowdHeatmapMask().transform(results)['label_mask']
    assert not mask[10:20, 30:50].any() and not mask[1:4, 1:4].any()
    assert mask.mean() > 0.8


@pytest.mark.parametrize('size', [(8, 500), (500, 8), (64, 4000), (1, 5000), (5000, 1), (100, 401)])
def test_a_long_thin_image_needs_no_more_than_four_times_a_square_one(size):
    image = np.full((size[1], size[0], 3), 255, np.uint8)
    found = CenterGroupResize(input_size=(512, 512)).transform(dict(img=image))
    assert np.prod(found['img_shape']) <= 4 * 512**2
    assert max(found['img_shape']) == 2048 and all(s % 64 == 0 for s in found['img_shape'])
    # all of the image is inside, at the place that the meta data say
    warped = cv2.transform(np.array([[[0, 0], size]], float), found['warp_mat'])[0]
    assert (warped >= -6).all() and (warped <= np.array(found['input_size']) + 6).all()
    assert max(warped[1] - warped[0]) == pytest.approx(2048)
    scale = np.array(found['input_size']) / found['input_scale']
    assert scale == pytest.approx(2048 / max(size))


def test_an_image_of_one_to_four_is_scaled_by_its_short_side():
    assert fit_short_side((100, 400), 512)[0] == (512, 2048)
    assert fit_short_side((400, 100), 512)[0] == (2048, 512)
