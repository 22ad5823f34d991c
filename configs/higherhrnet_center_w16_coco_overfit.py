# Fits a few real photographs, stage 1: the detector of centergroup_w16_coco_overfit.py.
#
#   python tools/train.py configs/higherhrnet_center_w16_coco_overfit.py
_base_ = ['./centergroup_w16_coco_overfit.py']

codec = dict(
    type='CenterAssociativeEmbedding',
    input_size=_base_.input_size,
    sigma=2,
    with_center=True,
    decode_max_instances=30)

load_from = None  # from scratch
model = dict(
    head=dict(
        _delete_=True,
        type='CenterHigherHRNetHead',
        in_channels=_base_.width,
        metainfo=_base_.dataset_type,
        with_center=True,
        init_cfg=_base_.detector_init,
        heatmap_loss=dict(type='MultiLevelHeatmapLoss', loss_weight=1.0),
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=0.001, push_loss_factor=0.5),
        decoder=codec))

load_image, crop = _base_.train_pipeline[:2]
train_pipeline = [
    load_image,
    crop,
    dict(type='GenerateTarget', encoder=codec),
    dict(type='CrowdHeatmapMask'),
    dict(type='PackPoseInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

optim_wrapper = dict(optimizer=dict(lr=2e-3))
# Stage 2 alone renames what it loads.
custom_hooks = [dict(type='ChannelsLastHook')]
