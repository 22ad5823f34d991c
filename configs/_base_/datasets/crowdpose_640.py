# As crowdpose_512.py with 640 pixels.
_base_ = ['./crowdpose_512.py']
input_size = (640, 640)
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='CenterGroupResize', input_size=input_size),
    dict(
        type='PackPoseInputs',
        meta_keys=('id', 'img_id', 'img_path', 'crowd_index', 'ori_shape', 'img_shape',
                   'input_size', 'input_center', 'input_scale', 'flip', 'flip_direction',
                   'flip_indices', 'raw_ann_info', 'dataset_name'))
]
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
