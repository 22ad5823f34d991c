# MoveNet MultiPose decoded by itself, COCO, long side 512: joints that each center regresses,
# snapped to detected ones. The one-shot baseline (paper, Table 1, row 1) on photographs.
#
#   python tools/convert_checkpoint.py movenet-multipose.json checkpoints/movenet.pth \
#       --config configs/movenet_coco.py
#   python tools/test.py configs/movenet_coco.py checkpoints/movenet.pth
#
# 6 people for each image, as released, and a dataset in COCO's format that lies elsewhere, with
# its annotations in PATH/person_keypoints.json and its images in PATH/images:
#
#   python tools/test.py configs/movenet_coco.py checkpoints/movenet.pth --cfg-options \
#       model.head.decoder.max_people=6 \
#       test_dataloader.dataset.data_root=PATH \
#       test_dataloader.dataset.ann_file=person_keypoints.json \
#       test_dataloader.dataset.data_prefix.img=images \
#       test_evaluator.ann_file=PATH/person_keypoints.json
_base_ = [
    './_base_/datasets/coco_long_side_512.py', './_base_/models/movenet.py',
    './_base_/default_runtime.py'
]

codec = dict(type='MoveNetCodec', input_size=(512, 512), max_people=20)
model = dict(head=dict(type='MoveNetHead', metainfo=_base_.dataset_type, decoder=codec))
train_dataloader = None
