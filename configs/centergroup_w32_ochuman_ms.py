# centergroup_w32_ochuman.py tested at scales 0.5, 1 and 2; the checkpoint is the same.
#
#   python tools/test.py configs/centergroup_w32_ochuman_ms.py CHECKPOINT.pth
_base_ = ['./centergroup_w32_ochuman.py']

model = dict(type='MixedSizePoseEstimator', test_cfg=dict(multiscale_test=True))
load_image, resize, pack = _base_.val_pipeline
val_pipeline = [
    load_image,
    # The order is that of scale_weights of the neck, with the original scale first.
    dict(resize, aug_scales=[2.0, 0.5]),
    dict(pack, type='PackMultiScaleInputs')
]
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=val_pipeline))
