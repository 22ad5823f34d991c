# centergroup_movenet_photos.py tested on the image and its mirror image at long sides 384 and 640;
# the checkpoint is the same. Views are merged as poses.
#
#   python tools/test.py configs/centergroup_movenet_photos_ms.py CHECKPOINT.pth
_base_ = ['./centergroup_movenet_photos.py']

model = dict(type='MixedSizePoseEstimator', test_cfg=dict(flip_test=True, multiscale_test=True))
load_image, resize, pack = _base_.val_pipeline
val_pipeline = [
    load_image,
    dict(resize, long_side=640, aug_scales=[0.6]),
    dict(
        pack,
        type='PackMultiScaleInputs',
        meta_keys=(*pack['meta_keys'], 'scale_factors'))
]
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=val_pipeline))
