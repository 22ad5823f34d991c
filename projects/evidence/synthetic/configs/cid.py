# CID (contextual instance decoupling), MMPose's own head, codec and losses, small; only the weights
# with which the head begins are this study's (crowd_study/scratch_heads.py).
#
# Backbone, data and schedule are those of centergroup_tiny_synthetic.py; as in MMPose's config,
# the head reads all four resolutions of HRNet. MMPose's codec drops the mask of crowds, so that
# they count as background.
_base_ = ['../../../../configs/centergroup_tiny_synthetic.py', './_base_/package.py']

custom_imports = dict(
    imports=['centergroup_mm', 'crowd_study.scratch_heads'], allow_failed_imports=False
)

finest, width = _base_.finest, _base_.width
codec = dict(type='DecoupledHeatmap', input_size=_base_.input_size, heatmap_size=(64, 64))

model = dict(
    backbone=dict(extra=dict(stage4=dict(multiscale_output=True))),
    neck=dict(type='FeatureMapProcessor', concat=True),
    head=dict(
        _delete_=True,
        type='ScratchCIDHead',
        in_channels=finest + 2 * width + 4 * width + 8 * width,
        num_keypoints=17,
        gfd_channels=32,
        coupled_heatmap_loss=dict(type='FocalHeatmapLoss', loss_weight=1.0),
        decoupled_heatmap_loss=dict(type='FocalHeatmapLoss', loss_weight=4.0),
        contrastive_loss=dict(type='InfoNCELoss', temperature=0.05, loss_weight=1.0),
        decoder=codec,
    ),
    train_cfg=dict(max_train_instances=200),
    test_cfg=dict(
        _delete_=True,
        multiscale_test=False,
        flip_test=True,
        shift_heatmap=False,
        align_corners=False,
    ),
)

# what the codec wants besides: corners of the boxes, from which it reads the sizes of people
changes = dict(
    GenerateTarget=dict(encoder=codec), CenterGroupRandomAffine=dict(bbox_keep_corner=True)
)
train_pipeline = [
    dict(step, **changes.get(step.type, {}))
    for step in _base_.train_pipeline
    if step.type not in ('BottomupPaddingMask', 'CrowdHeatmapMask')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
# The head predicts one image at a time.
val_dataloader = dict(batch_size=1)
test_dataloader = val_dataloader
val_evaluator = dict(nms_mode='oks_nms', nms_thr=0.8, score_mode='keypoint')
test_evaluator = val_evaluator
