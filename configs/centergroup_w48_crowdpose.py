# CenterGroup, HRNet-W48, CrowdPose, 640x640: stage 2, as for COCO with other data and skeleton.
#
#   python tools/train.py configs/centergroup_w48_crowdpose.py --auto-scale-lr
_base_ = ['./centergroup_w48_coco.py', './_base_/datasets/crowdpose_sets.py']

load_from = 'checkpoints/higherhrnet_center_w48_crowdpose.pth'
load_from_hint = _base_.load_from_hint.replace('coco', 'crowdpose')

num_joints = 14
model = dict(
    head=dict(
        detector=dict(num_joints=num_joints),
        neck=dict(num_joints=num_joints),
        grouping=dict(num_joints=num_joints),
        loss=dict(
            sigmas=[
                0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087,
                0.087, 0.089, 0.089, 0.079, 0.079
            ])))
train_dataloader = dict(dataset=_base_.crowdpose_train)
val_dataloader = test_dataloader = dict(dataset=_base_.crowdpose_test)
val_evaluator = test_evaluator = _base_.crowdpose_metric
