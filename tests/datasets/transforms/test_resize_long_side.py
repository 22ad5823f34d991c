"""Images resized by their long side."""

from __future__ import annotations

import numpy as np
import pytest

from centergroup_mm.datasets.transforms import PackMultiScaleInputs, ResizeLongSide


def image_of(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 200, np.uint8)


@pytest.mark.parametrize(
    ('size', 'scaled', 'padded'),
    [
        ((640, 480), (512, 384), (512, 384)),
        ((427, 640), (342, 512), (352, 512)),
        ((100, 50), (512, 256), (512, 256)),
        ((640, 3), (512, 2), (512, 32)),
    ],
)
def test_sizes_and_black_padding(size, scaled, padded):
    results = ResizeLongSide(512).transform(dict(img=image_of(*size)))
    assert results['img'].shape == (padded[1], padded[0], 3)
    assert results['img_shape'] == padded[::-1] and results['input_size'] == padded
    assert (results['img'][: scaled[1], : scaled[0]] == 200).all()
    assert (results['img'][scaled[1] :] == 0).all() and (results['img'][:, scaled[0] :] == 0).all()


def test_the_estimator_finds_the_way_back():
    """By the formula of MMPose's BottomupPoseEstimator.add_pred_to_datasample."""
    results = ResizeLongSide(512).transform(dict(img=image_of(427, 640)))
    points = np.array([[0.0, 0.0], [427.0, 640.0], [100.0, 333.0]])
    inside = points @ results['warp_mat'][:, :2].T + results['warp_mat'][:, 2]
    size, scale = np.array(results['input_size']), results['input_scale']
    back = inside / size * scale + results['input_center'] - 0.5 * scale
    np.testing.assert_allclose(back, points, atol=1e-9)
    np.testing.assert_allclose(inside[1], (342, 512))


def test_a_small_bright_spot_is_averaged_and_not_lost():
    image = np.zeros((1024, 1024, 3), np.uint8)
    image[512, 512] = 255
    shrunk = ResizeLongSide(256).transform(dict(img=image))['img']
    assert shrunk.sum() == pytest.approx(3 * 255 / 16, abs=3)


def test_scales_are_rounded_alone_and_packed():
    transform = ResizeLongSide(512, aug_scales=[1.25, 0.75])
    results = transform.transform(dict(img=image_of(640, 427), ori_shape=(427, 640)))
    sizes = [(image.shape[1], image.shape[0]) for image in results['img']]
    assert sizes == [(512, 352), (640, 448), (384, 256)]
    assert results['input_size'] == sizes[0] and results['aug_scales'] == [1.25, 0.75]
    for factor, scale in zip(results['scale_factors'], (1, 1.25, 0.75), strict=True):
        np.testing.assert_allclose(factor * (640, 427), np.round(np.array([512, 341.6]) * scale))
    packed = PackMultiScaleInputs(meta_keys=('aug_scales', 'scale_factors')).transform(results)
    assert [tuple(image.shape[1:]) for image in packed['inputs']] == [s[::-1] for s in sizes]
    assert len(packed['data_samples'].metainfo['scale_factors']) == 3
