# CenterGroup, HRNet-W32, COCO, 512x512: stage 2, end to end from a trained detector.
#
#   python tools/train.py configs/centergroup_w32_coco.py --auto-scale-lr
_base_ = [
    './_base_/datasets/coco_512.py',
    './_base_/models/hrnet_w32.py', './_base_/schedules/centergroup_27k.py'
]

# Stage 1 is the detector alone; train it or convert a published one.
load_from = 'checkpoints/higherhrnet_center_w32_coco.pth'
load_from_hint = ('train stage 1 with `python tools/train.py '
                  'configs/higherhrnet_center_w32_coco.py` and pass its checkpoint with '
                  '`--cfg-options load_from=PATH`')

codec = dict(type='AttentionGroupingCodec', input_size=(512, 512), sigma=2)

model = dict(
    # All batch norms of the pre-trained part are frozen, statistics and affine part.
    backbone=dict(norm_eval=True, norm_cfg=dict(type='BN', requires_grad=False)),
    head=dict(
        type='CenterGroupHead',
        metainfo=_base_.dataset_type,
        freeze_detector_bn=True,
        detector=dict(
            type='CenterHigherHRNetHead',
            in_channels=32,
            heatmap_loss=dict(type='MultiLevelHeatmapLoss', loss_weight=10.0)),
        neck=dict(type='CenterGroupNeck', in_channels=32),
        grouping=dict(type='AttentionGrouping'),
        loss=dict(
            type='CenterGroupLoss',
            assigner=dict(type='CenterHungarianAssigner'),
            center_weight=1.0,
            visibility_weight=1.0,
            location_weight=0.02),
        decoder=codec))

train_pipeline = [
    dict(type='LoadPoseImage'),
    # The official implementation does not rotate; the paper rotates by up to 30 degrees.
    dict(type='CenterGroupRandomAffine', input_size=codec['input_size'], rotate_factor=0.0),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='CrowdHeatmapMask'),
    dict(type='BottomupPaddingMask'),
    dict(type='PackPoseInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
