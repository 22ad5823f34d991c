# HigherHRNet with centers, HRNet-W48, CrowdPose, 640x640: stage 1 of CenterGroup, as for COCO with
# other data and skeleton.
#
#   python tools/train.py configs/higherhrnet_center_w48_crowdpose.py --auto-scale-lr
#
# Its checkpoint is the start of centergroup_w48_crowdpose.py; alone it groups by tags.
_base_ = ['./higherhrnet_center_w48_coco.py', './_base_/datasets/crowdpose_sets.py']

model = dict(head=dict(metainfo=_base_.crowdpose_train.type))
train_dataloader = dict(dataset=_base_.crowdpose_train)
val_dataloader = test_dataloader = dict(dataset=_base_.crowdpose_test)
val_evaluator = test_evaluator = _base_.crowdpose_metric
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP'))
