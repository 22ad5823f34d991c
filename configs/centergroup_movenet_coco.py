# CenterGroup on MoveNet MultiPose for photographs, COCO, long side 512. The detector stays as
# released; the grouping is trained on its proposals.
#
#   python tools/convert_checkpoint.py movenet-multipose.json checkpoints/movenet.pth \
#       --config configs/movenet_coco.py
#   python tools/train_grouping.py configs/centergroup_movenet_coco.py checkpoints/movenet.pth
#   python tools/test.py configs/centergroup_movenet_coco.py work_dirs/grouping.pth
_base_ = [
    './_base_/datasets/coco_long_side_512.py', './_base_/models/movenet.py',
    './_base_/default_runtime.py'
]

model = dict(
    head=dict(
        type='PointCenterGroupHead',
        metainfo=_base_.dataset_type,
        detector=dict(type='MoveNetHead'),
        in_channels=64 + 32 + 24 + 24,  # the levels of the pyramid
        train_detector=False),
    # Flip test and scales are merged as poses, see centergroup_movenet_photos_ms.py.
    test_cfg=dict(flip_test=False, score_thr=0.0))

# tools/train_grouping.py runs the frozen detector on views of these images.
grouping_pipeline = [
    dict(type='LoadPoseImage'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomLongSide', shortest=288, longest=736),
    dict(type='PhotometricDistortion')
]
grouping_dataloader = dict(
    dataset=dict(_base_.train_dataloader.dataset, keep_empty=True, pipeline=grouping_pipeline))
train_dataloader = None
