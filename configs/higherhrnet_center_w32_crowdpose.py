# HigherHRNet with centers, HRNet-W32, CrowdPose, 512x512: stage 1 of CenterGroup, as for COCO with
# other data and skeleton.
#
#   python tools/train.py configs/higherhrnet_center_w32_crowdpose.py --auto-scale-lr
#
# Its checkpoint is the start of centergroup_w32_crowdpose.py; alone it groups by tags.
_base_ = ['./higherhrnet_center_w32_coco.py', './_base_/datasets/crowdpose_sets.py']

codec = dict(
    _base_.codec, decode_keypoint_order=[12, 13, 0, 1, 6, 7, 2, 3, 4, 5, 8, 9, 10, 11])
model = dict(head=dict(num_joints=14, decoder=codec))
train_pipeline = [
    dict(step, encoder=codec) if step.type == 'GenerateTarget' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(_base_.crowdpose_train, pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=_base_.crowdpose_test)
val_evaluator = test_evaluator = _base_.crowdpose_metric
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP'))
