# HigherHRNet grouped by associative embedding: row 2 of the paper's Table 1, small.
#
# Backbone, heatmaps, data and schedule are those of centergroup_tiny_synthetic.py. MMPose 1.3
# cannot train its own associative embedding; head and targets are this package's, and loss and
# grouping MMPose's. The weights with which the tags begin are this study's
# (crowd_study/scratch_heads.py).
_base_ = ['../../../../configs/centergroup_tiny_synthetic.py', './_base_/package.py']

custom_imports = dict(
    imports=['centergroup_mm', 'crowd_study.scratch_heads'], allow_failed_imports=False
)

codec = dict(
    type='CenterAssociativeEmbedding',
    input_size=_base_.input_size,
    sigma=_base_.codec.sigma,
    with_center=False,
    decode_max_instances=30,
    mirror_on_grid=False,
)

model = dict(
    head=dict(
        _delete_=True,
        type='ScratchTagHead',
        in_channels=_base_.finest,
        metainfo=_base_.model.head.metainfo,
        with_center=False,
        with_tags=True,
        deconv_channels=_base_.width,
        num_blocks=_base_.model.head.detector.num_blocks,
        init_cfg=_base_.model.head.detector.init_cfg,
        heatmap_loss=_base_.model.head.detector.heatmap_loss,
        # HigherHRNet's share of 1 to 1000, times the weights that the heatmap loss has here: 100
        # for the loss and 10 for what is not background
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=1.0, push_loss_factor=0.5),
        decoder=codec,
    )
)

# Nothing reads the mask of the padding.
train_pipeline = [
    dict(step, encoder=codec) if step.type == 'GenerateTarget' else step
    for step in _base_.train_pipeline
    if step.type != 'BottomupPaddingMask'
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
