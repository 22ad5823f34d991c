# centergroup_w32_ochuman.py tested at scales 0.5, 1 and 2; the checkpoint is the same.
#
#   python tools/test.py configs/centergroup_w32_ochuman_ms.py CHECKPOINT.pth
_base_ = ['./centergroup_w32_ochuman.py']

model = dict(test_cfg=dict(multiscale_test=True))

val_pipeline = [
    dict(type='LoadImage'),
    # The order is that of scale_weights of the neck, with the original scale first.
    dict(type='CenterGroupResize', input_size=(512, 512), aug_scales=[2.0, 0.5]),
    dict(type='PackMultiScaleInputs', meta_keys=_base_.pack_for_test.meta_keys)
]
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
