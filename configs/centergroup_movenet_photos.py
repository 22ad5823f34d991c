# The photograph model that comes with the package: centergroup_movenet_coco.py, trained on other
# photographs (centergroup_mm/zoo/centergroup_movenet_photos.md says which). Datasets in COCO's
# format, with annotations in PATH/person_keypoints.json and images in PATH/images, are named on
# the command line:
#
#   python tools/train_grouping.py configs/centergroup_movenet_photos.py checkpoints/movenet.pth \
#       --cfg-options grouping_dataloader.dataset.data_root=PATH \
#       grouping_dataloader.dataset.ann_file=person_keypoints.json \
#       grouping_dataloader.dataset.data_prefix.img=images
#   python tools/test.py configs/centergroup_movenet_photos.py CHECKPOINT.pth --cfg-options \
#       test_dataloader.dataset.data_root=PATH \
#       test_dataloader.dataset.ann_file=person_keypoints.json \
#       test_dataloader.dataset.data_prefix.img=images \
#       test_evaluator.ann_file=PATH/person_keypoints.json
_base_ = ['./centergroup_movenet_coco.py']
