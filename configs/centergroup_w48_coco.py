# CenterGroup, HRNet-W48, COCO, 640x640: stage 2, as W32 with a wider backbone and larger inputs.
#
#   python tools/train.py configs/centergroup_w48_coco.py --auto-scale-lr
_base_ = ['./centergroup_w32_coco.py']

load_from = 'checkpoints/higherhrnet_center_w48_coco.pth'
load_from_hint = _base_.load_from_hint.replace('w32', 'w48')

input_size = (640, 640)
codec = dict(_base_.codec, input_size=input_size)
model = dict(
    backbone=dict(
        extra=dict(
            stage2=dict(num_channels=(48, 96)),
            stage3=dict(num_channels=(48, 96, 192)),
            stage4=dict(num_channels=(48, 96, 192, 384)))),
    head=dict(detector=dict(in_channels=48), neck=dict(in_channels=48), decoder=codec))

train_pipeline = [
    dict(step, encoder=codec) if step.type == 'GenerateTarget' else
    dict(step, input_size=input_size) if 'input_size' in step else step
    for step in _base_.train_pipeline
]
val_pipeline = [
    dict(step, input_size=input_size) if 'input_size' in step else step
    for step in _base_.val_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=val_pipeline))
