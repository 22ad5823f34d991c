# centergroup_w48_coco.py, trained on COCO, evaluated on OCHuman: people who hide each other.
#
#   python tools/test.py configs/centergroup_w48_ochuman.py CHECKPOINT.pth
#
# The test set; for the validation set replace `test_range` by `val_range`:
#
#   --cfg-options test_dataloader.dataset.ann_file=FILE test_evaluator.ann_file=FOLDER/FILE
_base_ = ['./centergroup_w48_coco.py']

data_root = 'data/ochuman/'
ann_file = 'ochuman_coco_format_test_range_0.00_1.00.json'
data_hint = ('get the images and ochuman_coco_format_{val,test}_range_0.00_1.00.json from '
             'https://github.com/liruilong940607/OCHumanApi and put them into {root} '
             '(for evaluation only: train with configs/centergroup_w48_coco.py)')
val_dataloader = dict(
    dataset=dict(
        type='OCHumanDataset',
        data_root=data_root,
        ann_file='annotations/' + ann_file,
        data_prefix=dict(img='images/')))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/' + ann_file)
test_evaluator = val_evaluator
