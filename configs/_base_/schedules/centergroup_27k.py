# Stage 2 (paper, supplement C.1): 27,000 iterations of 130 images in all, Adam, 3e-4 and 1e-5
# for the pre-trained layers, warm-up 1,000, x0.1 at 10,000 and 20,000, mixed precision.
_base_ = ['../default_runtime.py']
train_cfg = dict(type='IterBasedTrainLoop', max_iters=27000, val_interval=3000)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='AmpOptimWrapper',
    loss_scale='dynamic',
    optimizer=dict(type='Adam', lr=3e-4),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=1 / 30),
            'head.detector': dict(lr_mult=1 / 30)
        }),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=1000, start_factor=0.001, by_epoch=False),
    dict(
        type='MultiStepLR', begin=0, end=27000, milestones=[10000, 20000], gamma=0.1,
        by_epoch=False)
]
auto_scale_lr = dict(base_batch_size=130)
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=3000))
# Stage 1 trains the detector as a head of its own.
custom_hooks = [dict(type='DetectorCheckpointHook')]
