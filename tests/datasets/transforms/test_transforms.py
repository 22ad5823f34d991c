"""Resizing and random affine transforms, alone and against the official implementation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from centergroup_mm.datasets.transforms import (
    CenterGroupRandomAffine,
    CenterGroupResize,
)
from centergroup_mm.datasets.transforms.resize import fit_short_side

from ...parity.conftest import files_of
from .samples import program_crop, results_of

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
