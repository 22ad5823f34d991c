# As coco_512.py with 640 pixels.
_base_ = ['./coco_512.py']
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='CenterGroupResize', input_size=(640, 640)),
    _base_.pack_for_test
]
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
