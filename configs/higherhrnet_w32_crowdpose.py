# HigherHRNet (CVPR 2020), HRNet-W32, CrowdPose, 512x512: the baseline that groups by tags.
#
#   python tools/train.py configs/higherhrnet_w32_crowdpose.py --auto-scale-lr
_base_ = [
    './_base_/datasets/crowdpose_512.py',
    './_base_/models/hrnet_w32.py', './_base_/schedules/higherhrnet_300e.py'
]

num_joints = 14
with_center = False
codec = dict(
    type='CenterAssociativeEmbedding',
    input_size=(512, 512),
    sigma=2,
    with_center=with_center,
    decode_keypoint_order=[12, 13, 0, 1, 6, 7, 2, 3, 4, 5, 8, 9, 10, 11],
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
        num_joints=num_joints,
        with_center=with_center,
        heatmap_loss=dict(type='MultiLevelHeatmapLoss', loss_weight=1.0),
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=0.001, push_loss_factor=0.5),
        decoder=codec))

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='CenterGroupRandomAffine', input_size=codec['input_size'], rotate_factor=30.0),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='CrowdHeatmapMask'),
    dict(type='PackPoseInputs')
]
train_dataloader = dict(batch_size=12, dataset=dict(pipeline=train_pipeline))
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP', rule='greater'))
