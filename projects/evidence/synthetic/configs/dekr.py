# DEKR (disentangled keypoint regression), MMPose's own head, codec and losses, small.
#
# Backbone, data and schedule are those of centergroup_tiny_synthetic.py; as in MMPose's config,
# the head reads all four resolutions of HRNet, and there is no rescoring network. MMPose's codec
# drops the mask of crowds, so that they count as background.
_base_ = ['../../../../configs/centergroup_tiny_synthetic.py', './_base_/package.py']

# crowd_study.deform_conv: deformable convolution where mmcv has none
custom_imports = dict(
    imports=['centergroup_mm', 'crowd_study.deform_conv'], allow_failed_imports=False
)

finest, width = _base_.finest, _base_.width
codec = dict(
    type='SPR',
    input_size=_base_.input_size,
    heatmap_size=(64, 64),
    sigma=(4, 2),
    minimal_diagonal_length=32**0.5,
    generate_keypoint_heatmaps=True,
    decode_max_instances=30,
)

model = dict(
    backbone=dict(extra=dict(stage4=dict(multiscale_output=True))),
    neck=dict(type='FeatureMapProcessor', concat=True),
    head=dict(
        _delete_=True,
        type='DEKRHead',
        in_channels=finest + 2 * width + 4 * width + 8 * width,
        num_keypoints=17,
        num_heatmap_filters=32,
        # stock: 15
        num_displacement_filters_per_keypoint=5,
        heatmap_loss=dict(type='KeypointMSELoss', use_target_weight=True),
        displacement_loss=dict(
            type='SoftWeightSmoothL1Loss',
            use_target_weight=True,
            supervise_empty=False,
            beta=1 / 9,
            loss_weight=0.002,
        ),
        decoder=codec,
    ),
    test_cfg=dict(
        _delete_=True,
        multiscale_test=False,
        flip_test=True,
        nms_dist_thr=0.05,
        shift_heatmap=True,
        align_corners=False,
    ),
)

train_pipeline = [
    dict(step, encoder=codec) if step.type == 'GenerateTarget' else step
    for step in _base_.train_pipeline
    if step.type not in ('BottomupPaddingMask', 'CrowdHeatmapMask')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
# MMPose's flip test cannot read maps in channels-last layout.
custom_hooks = []
# The head predicts one image at a time.
val_dataloader = dict(batch_size=1)
test_dataloader = val_dataloader
val_evaluator = dict(nms_mode='none', score_mode='keypoint')
test_evaluator = val_evaluator
