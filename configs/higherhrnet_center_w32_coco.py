# HigherHRNet with centers, HRNet-W32, COCO, 512x512: stage 1 of CenterGroup.
#
#   python tools/train.py configs/higherhrnet_center_w32_coco.py --auto-scale-lr
#
# Its checkpoint is the start of centergroup_w32_coco.py; alone it groups by tags.
_base_ = [
    './_base_/datasets/coco_512.py',
    './_base_/models/hrnet_w32.py', './_base_/schedules/higherhrnet_300e.py'
]

codec = dict(
    type='CenterAssociativeEmbedding',
    input_size=(512, 512),
    sigma=2,
    with_center=True,
    decode_max_instances=30)

model = dict(
    backbone=dict(
        # ImageNet weights, downloaded on the first run; `init_cfg=None` starts from scratch.
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/'
            'hrnet_w32-36af842e.pth')),
    head=dict(
        type='CenterHigherHRNetHead',
        in_channels=32,
        metainfo=_base_.dataset_type,
        with_center=True,
        heatmap_loss=dict(type='MultiLevelHeatmapLoss', loss_weight=1.0),
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=0.001, push_loss_factor=0.5),
        decoder=codec))

train_pipeline = [
    dict(type='LoadPoseImage'),
    dict(type='CenterGroupRandomAffine', input_size=codec['input_size'], rotate_factor=30.0),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='CrowdHeatmapMask'),
    dict(type='PackPoseInputs')
]
train_dataloader = dict(batch_size=12, dataset=dict(pipeline=train_pipeline))
default_hooks = dict(checkpoint=dict(save_best='coco/AP', rule='greater'))
