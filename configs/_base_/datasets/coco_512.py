# COCO keypoints, bottom-up: 512x512 crops for training, short side 512 for test.
#
# Everything that does not depend on the model's codec is here.  A config that uses this base
# defines `codec` and sets the training pipeline, which draws the targets:
#
#   train_dataloader = dict(dataset=dict(pipeline=[..., dict(type='GenerateTarget',
#                                                            encoder=codec), ...]))
#
# The skeleton is that of the dataset's class; `metainfo=dict(from_file=PATH)` at the top of a
# config gives another one to datasets and model.
dataset_type = 'BottomupCocoDataset'
data_mode = 'bottomup'
data_root = 'data/coco/'

pack_for_test = dict(
    type='PackPoseInputs',
    # 'id' stays a list for each image: the metric takes persons for one if it is a number.
    meta_keys=('id', 'img_id', 'img_path', 'crowd_index', 'ori_shape', 'img_shape',
               'input_size', 'input_center', 'input_scale', 'flip', 'flip_direction',
               'flip_indices', 'raw_ann_info', 'dataset_name'))
val_pipeline = [
    dict(type='LoadPoseImage'),
    dict(type='CenterGroupResize', input_size=(512, 512)),
    pack_for_test
]
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_train2017.json',
        # As in the official implementation; more than a half of COCO's images show nobody.
        keep_empty=False,
        data_prefix=dict(img='train2017/')))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='BottomupCocoMetric',
    ann_file=data_root + 'annotations/person_keypoints_val2017.json',
    nms_mode='none',
    score_mode='bbox')
test_evaluator = val_evaluator
