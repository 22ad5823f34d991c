# A CenterGroup small enough to train from scratch on two CPU cores in minutes.
#
# The classes are those of centergroup_w32_coco.py; backbone, embedding width, hidden size and
# embedding CNNs are reduced.  Data: synthetic crowds, no download:
#
#   python tools/make_synthetic.py data/synthetic/demo_train --preset demo --num 2500 --seed 0 \
#       --size 256 256
#   python tools/make_synthetic.py data/synthetic/demo_val --preset demo --num 200 --seed 1 \
#       --size 256 256
#   python tools/train.py configs/centergroup_tiny_synthetic.py
#
# `make demo` does all of it, evaluates and draws.
_base_ = ['./_base_/default_runtime.py']

max_iters = 1000
channels = 64
width = 16
# The 1/4 map feeds heatmaps and embeddings alike: its branch is wider than HRNet's rule says.
finest = 32
input_size = (256, 256)

codec = dict(
    type='AttentionGroupingCodec', input_size=input_size, sigma=2, mirror_on_grid=False)

model = dict(
    type='BottomupPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='HRNet',
        in_channels=3,
        # The stock deviation of 0.001 is replaced in training from a checkpoint.
        init_cfg=[
            dict(type='Kaiming', layer='Conv2d'),
            dict(type='Constant', val=1, layer='_BatchNorm')
        ],
        extra=dict(
            stage1=dict(
                num_modules=1, num_branches=1, block='BASIC',
                num_blocks=(1, ), num_channels=(2 * width, )),
            stage2=dict(
                num_modules=1, num_branches=2, block='BASIC',
                num_blocks=(1, 1), num_channels=(finest, 2 * width)),
            stage3=dict(
                num_modules=1, num_branches=3, block='BASIC',
                num_blocks=(1, 1, 1), num_channels=(finest, 2 * width, 4 * width)),
            stage4=dict(
                num_modules=1, num_branches=4, block='BASIC',
                num_blocks=(1, 1, 1, 1),
                num_channels=(finest, 2 * width, 4 * width, 8 * width)))),
    head=dict(
        type='CenterGroupHead',
        metainfo='BottomupCocoDataset',
        # scenes of the demo preset have at most six people; crowds are tested with 30 slots
        num_slots=12,
        detector=dict(
            type='CenterHigherHRNetHead',
            in_channels=finest,
            deconv_channels=width,
            with_tags=False,
            num_blocks=1,
            init_cfg=dict(
                type='Kaiming',
                layer=['Conv2d', 'ConvTranspose2d'],
                override=dict(type='Normal', name='final_layers', std=0.001)),
            heatmap_loss=dict(
                type='MultiLevelHeatmapLoss', foreground_weight=10.0, loss_weight=100.0)),
        neck=dict(
            type='CenterGroupNeck',
            in_channels=finest,
            channels=channels,
            # a 1x1 convolution: residual blocks here would cost as much as the whole detector
            num_blocks=0,
            hidden=2 * channels,
            dropout=0.0),
        grouping=dict(
            type='AttentionGrouping',
            channels=channels,
            head_channels=16,
            mlp_channels=channels),
        loss=dict(type='CenterGroupLoss', location_weight=0.1),
        decoder=codec),
    test_cfg=dict(flip_test=True, multiscale_test=False, score_thr=0.0))

# data
dataset_type = 'BottomupCocoDataset'
data_mode = 'bottomup'
data_root = 'data/synthetic/'

train_pipeline = [
    dict(type='LoadPoseImage'),
    dict(
        type='CenterGroupRandomAffine',
        input_size=input_size,
        shift_prob=1.0,
        shift_factor=0.08,
        scale_factor=(0.85, 1.2),
        rotate_factor=0.0),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='CrowdHeatmapMask'),
    dict(type='BottomupPaddingMask'),
    dict(type='PackPoseInputs')
]
test_pipeline = [
    dict(type='LoadPoseImage'),
    dict(type='CenterGroupResize', input_size=input_size),
    dict(
        type='PackPoseInputs',
        meta_keys=('id', 'img_id', 'img_path', 'crowd_index', 'ori_shape', 'img_shape',
                   'input_size', 'input_center', 'input_scale', 'flip', 'flip_direction',
                   'flip_indices', 'raw_ann_info', 'dataset_name'))
]

train_dataloader = dict(
    batch_size=8,
    # two cores have none left for loader processes
    num_workers=0,
    persistent_workers=False,
    # without epochs: mmengine pauses two seconds between them
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='demo_train/person_keypoints.json',
        data_prefix=dict(img='demo_train/images/'),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='demo_val/person_keypoints.json',
        data_prefix=dict(img='demo_val/images/'),
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='BottomupCocoMetric',
    ann_file=data_root + 'demo_val/person_keypoints.json',
    nms_mode='none',
    score_mode='bbox')
test_evaluator = val_evaluator

# schedule: one cycle, everything from scratch
optim_wrapper = dict(
    optimizer=dict(type='Adam', lr=3e-3), clip_grad=dict(max_norm=10.0))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.05, by_epoch=False),
    dict(
        type='CosineAnnealingLR', begin=50, end=max_iters, T_max=max_iters - 50,
        eta_min_ratio=0.01, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict()
test_cfg = dict()
log_processor = dict(by_epoch=False)
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(by_epoch=False, interval=max_iters, save_best=None))
custom_hooks = [dict(type='ChannelsLastHook')]
