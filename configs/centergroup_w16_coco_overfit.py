# Fits a few real photographs without augmentation, stage 2: does the whole loop learn?
#
# What differs from the COCO config: the width of the backbone and of the embeddings, the input
# size, trained batch norms, one learning rate in full precision, no augmentation in training and no
# flip test, and the schedule.  Nothing is pre-trained: stage 1 starts from scratch on the same
# photographs.  Its AP is that of the images it was trained on and says nothing about any other.
# Put images and annotations where COCO_OVERFIT says, or here:
#
#   data/coco_overfit/images/*.jpg
#   data/coco_overfit/person_keypoints.json
#
#   python tools/train.py configs/higherhrnet_center_w16_coco_overfit.py
#   python tools/train.py configs/centergroup_w16_coco_overfit.py
#
# Without stage 1 (--cfg-options load_from=None) the losses of the grouping keep the backbone from
# learning heatmaps for thousands of iterations.
_base_ = ['./centergroup_w32_coco.py']

width = 16
channels = 64
input_size = (256, 256)
max_iters = 1500
data_root = '{{$COCO_OVERFIT:data/coco_overfit}}/'
ann_file = 'person_keypoints.json'
load_from = 'work_dirs/higherhrnet_center_w16_coco_overfit/iter_1500.pth'
load_from_hint = ('train stage 1 with `python tools/train.py '
                  'configs/higherhrnet_center_w16_coco_overfit.py`')

detector_init = dict(
    type='Kaiming',
    layer=['Conv2d', 'ConvTranspose2d'],
    override=dict(type='Normal', name='final_layers', std=0.001))

codec = dict(type='AttentionGroupingCodec', input_size=input_size, sigma=2)
model = dict(
    backbone=dict(
        norm_eval=False,
        norm_cfg=dict(type='BN', requires_grad=True),
        # without a checkpoint the filters must start unlike each other
        init_cfg=[
            dict(type='Kaiming', layer='Conv2d'),
            dict(type='Constant', val=1, layer='_BatchNorm')
        ],
        extra=dict(
            stage1=dict(num_channels=(2 * width, )),
            stage2=dict(num_channels=(width, 2 * width)),
            stage3=dict(num_channels=(width, 2 * width, 4 * width)),
            stage4=dict(num_channels=(width, 2 * width, 4 * width, 8 * width)))),
    head=dict(
        freeze_detector_bn=False,
        detector=dict(
            in_channels=width,
            init_cfg=detector_init),
        neck=dict(in_channels=width, channels=channels, hidden=4 * channels),
        grouping=dict(channels=channels, head_channels=channels // 2, mlp_channels=channels),
        decoder=codec),
    test_cfg=dict(flip_test=False))

# the whole image in a square, in training and in testing
train_pipeline = [
    dict(type='LoadPoseImage'),
    dict(
        type='CenterGroupRandomAffine',
        input_size=input_size,
        scale_type='long',
        scale_factor=(1.0, 1.0),
        shift_factor=0.0,
        rotate_factor=0.0),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='CrowdHeatmapMask'),
    dict(type='BottomupPaddingMask'),
    dict(type='PackPoseInputs')
]
val_pipeline = [
    dict(type='LoadPoseImage'),
    dict(type='BottomupResize', input_size=input_size, resize_mode='fit', size_factor=64),
    _base_.pack_for_test
]
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    # without epochs: mmengine pauses two seconds between them
    sampler=dict(_delete_=True, type='InfiniteSampler', shuffle=True),
    dataset=dict(
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(img='images/'),
        pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + ann_file)
test_evaluator = val_evaluator

train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 3)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-4),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR', begin=100, end=max_iters, T_max=max_iters - 100,
        eta_min_ratio=0.01, by_epoch=False)
]
default_hooks = dict(checkpoint=dict(interval=max_iters // 3), logger=dict(interval=20))
custom_hooks = [dict(type='DetectorCheckpointHook'), dict(type='ChannelsLastHook')]
