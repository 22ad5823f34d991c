"""The mask of what is padding, in training and at test time."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from centergroup_mm.datasets.transforms import (
    BottomupPaddingMask,
    CenterGroupResize,
    CrowdHeatmapMask,
)
from centergroup_mm.utils.valid_mask import valid_mask

from ...parity.conftest import files_of
from .samples import program_crop, results_of


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
