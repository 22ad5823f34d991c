# HigherHRNet's schedule, which is CenterGroup's stage 1: 300 epochs of Adam at 1e-3 with 48
# images in all, x0.1 at epochs 200 and 260.
_base_ = ['../default_runtime.py']
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=300, val_interval=10)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=300, milestones=[200, 260], gamma=0.1, by_epoch=True)
]
auto_scale_lr = dict(base_batch_size=48)
default_hooks = dict(checkpoint=dict(interval=10))
