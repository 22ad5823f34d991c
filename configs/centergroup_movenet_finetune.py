# The photograph model, fine-tuned end to end: detector and grouping. `centergroup data init` makes
# configs that inherit from this one, for keypoints of your own; see docs/own_data.md.
#
#   centergroup train configs/centergroup_movenet_finetune.py --cfg-options load_from=CHECKPOINT.pth
_base_ = ['./centergroup_movenet_photos.py']

max_iters = 2000
codec = dict(type='MoveNetCodec', input_size=(512, 512))
model = dict(head=dict(train_detector=True, detector=dict(loss=dict(type='MoveNetLoss'))))

train_pipeline = [
    dict(type='LoadPoseImage'),
    # The crop's side is 0.64 to 1.6 times the long side of the image.
    dict(
        type='CenterGroupRandomAffine',
        input_size=codec['input_size'],
        scale_type='long',
        scale_factor=(0.64, 1.6),
        rotate_factor=15.0),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='PhotometricDistortion'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='CrowdHeatmapMask', downsample=(4, ), label_downsample=(4, )),
    dict(type='PackPoseInputs')
]
train_dataloader = dict(
    _delete_=True,
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=_base_.dataset_type,
        data_root=_base_.data_root,
        data_mode=_base_.data_mode,
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
        keep_empty=True,
        pipeline=train_pipeline))

# Adafactor (torch 2.5 or newer) steps in proportion to the weights of each layer, which the
# detector needs, see movenet_finetune_coco.py.
optim_wrapper = dict(
    optimizer=dict(type='TorchAdafactor', lr=3e-3, eps=(None, 1e-5)),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.02, by_epoch=False),
    dict(
        type='CosineAnnealingLR', begin=50, end=max_iters, T_max=max_iters - 50,
        eta_min_ratio=0.02, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=500)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=16)
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=500))
custom_hooks = [dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.01)]
