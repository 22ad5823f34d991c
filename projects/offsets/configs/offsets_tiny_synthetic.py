# The offsets baseline, small enough to train from scratch on two CPU cores in minutes.
#
# Backbone, detector, data and schedule are those of centergroup_tiny_synthetic.py, so that the
# two can be compared; that file says how to make the data.
#
#   python tools/train.py projects/offsets/configs/offsets_tiny_synthetic.py
_base_ = ['../../../configs/centergroup_tiny_synthetic.py', './_base_/package.py']

custom_imports = dict(imports=['centergroup_mm', 'centergroup_offsets'], allow_failed_imports=False)

codec = dict(
    type='OffsetsCodec',
    input_size=_base_.codec.input_size,
    sigma=_base_.codec.sigma,
    mirror_on_grid=False,
)

model = dict(
    head=dict(
        _delete_=True,
        type='OffsetsHead',
        metainfo=_base_.model.head.metainfo,
        num_slots=_base_.model.head.num_slots,
        detector=_base_.model.head.detector,
        in_channels=_base_.model.head.detector.in_channels,
        channels=64,
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
