# As coco_512.py for testing, with the long side scaled to 512 pixels. There is no training set:
# configs that train say how.
_base_ = ['./coco_512.py']

val_pipeline = [
    dict(type='LoadPoseImage'),
    dict(type='ResizeLongSide', long_side=512), _base_.pack_for_test
]
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
val_cfg = dict()
test_cfg = dict()
