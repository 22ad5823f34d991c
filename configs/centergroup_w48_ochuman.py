# centergroup_w48_coco.py, trained on COCO, evaluated on OCHuman: people who hide each other.
#
#   python tools/test.py configs/centergroup_w48_ochuman.py CHECKPOINT.pth
#
# The test set; for the validation set replace `test_range` by `val_range`:
#
#   --cfg-options test_dataloader.dataset.ann_file=FILE test_evaluator.ann_file=FOLDER/FILE
_base_ = ['./centergroup_w48_coco.py', './_base_/datasets/ochuman_sets.py']

val_dataloader = test_dataloader = dict(dataset=_base_.ochuman_test)
val_evaluator = test_evaluator = _base_.ochuman_metric
