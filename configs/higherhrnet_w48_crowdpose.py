# HigherHRNet (CVPR 2020), HRNet-W48, CrowdPose, 640x640: the baseline that groups by tags.
#
#   python tools/train.py configs/higherhrnet_w48_crowdpose.py --auto-scale-lr
_base_ = ['./higherhrnet_center_w48_crowdpose.py']

codec = dict(_base_.codec, with_center=False)
model = dict(head=dict(with_center=False, decoder=codec))
train_pipeline = [
    dict(step, encoder=codec) if step.type == 'GenerateTarget' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
