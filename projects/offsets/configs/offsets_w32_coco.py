# Offsets and keypoint matching, HRNet-W32, COCO, 512x512 (Table 1 of the paper, first row).
#
# Backbone, detector, data and schedule are those of centergroup_w32_coco.py: the grouping alone
# differs.  It starts from the same detector:
#
#   python tools/train.py configs/higherhrnet_center_w32_coco.py
#   python tools/train.py projects/offsets/configs/offsets_w32_coco.py --auto-scale-lr \
#       --cfg-options load_from=work_dirs/higherhrnet_center_w32_coco/epoch_300.pth
_base_ = ['../../../configs/centergroup_w32_coco.py', './_base_/package.py']

custom_imports = dict(imports=['centergroup_mm', 'centergroup_offsets'], allow_failed_imports=False)

codec = dict(type='OffsetsCodec', input_size=_base_.codec.input_size, sigma=_base_.codec.sigma)

model = dict(
    head=dict(
        _delete_=True,
        type='OffsetsHead',
        metainfo=_base_.model.head.metainfo,
        freeze_detector_bn=True,
        detector=_base_.model.head.detector,
        in_channels=_base_.model.head.detector.in_channels,
        loss=dict(type='OffsetsLoss', loss_weight=_base_.model.head.loss.location_weight),
        decoder=codec,
    )
)

# The same steps; only the targets are other ones, and nothing reads the mask of the padding.
train_pipeline = [
    dict(step, encoder=codec) if step.type == 'GenerateTarget' else step
    for step in _base_.train_pipeline
    if step.type != 'BottomupPaddingMask'
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
