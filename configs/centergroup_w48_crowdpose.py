# CenterGroup, HRNet-W48, CrowdPose, 640x640: stage 2, as for COCO with other data and skeleton.
#
#   python tools/train.py configs/centergroup_w48_crowdpose.py --auto-scale-lr
_base_ = ['./centergroup_w48_coco.py', './_base_/datasets/crowdpose_sets.py']

load_from = 'checkpoints/higherhrnet_center_w48_crowdpose.pth'
load_from_hint = _base_.load_from_hint.replace('coco', 'crowdpose')

model = dict(head=dict(metainfo=_base_.crowdpose_train.type))
train_dataloader = dict(dataset=_base_.crowdpose_train)
val_dataloader = test_dataloader = dict(dataset=_base_.crowdpose_test)
val_evaluator = test_evaluator = _base_.crowdpose_metric
