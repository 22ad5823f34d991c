# HigherHRNet with centers, HRNet-W48, COCO, 640x640: stage 1 of CenterGroup, as W32 with a wider
# backbone and larger inputs.
#
#   python tools/train.py configs/higherhrnet_center_w48_coco.py --auto-scale-lr
#
# Its checkpoint is the start of centergroup_w48_coco.py; alone it groups by tags.
_base_ = ['./higherhrnet_center_w32_coco.py']

input_size = (640, 640)
codec = dict(_base_.codec, input_size=input_size)
model = dict(
    backbone=dict(
        init_cfg=dict(
            checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/'
            'hrnet_w48-8ef0771d.pth'),
        extra=dict(
            stage2=dict(num_channels=(48, 96)),
            stage3=dict(num_channels=(48, 96, 192)),
            stage4=dict(num_channels=(48, 96, 192, 384)))),
    head=dict(in_channels=48, decoder=codec))

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
