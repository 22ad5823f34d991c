# OCHuman: people who hide each other, for evaluation only.
#
# What a config for COCO changes for it; see centergroup_w32_ochuman.py.
data_hint = ('get the images and ochuman_coco_format_{val,test}_range_0.00_1.00.json from '
             'https://github.com/liruilong940607/OCHumanApi and put them into {root} '
             '(for evaluation only: train with the config for COCO)')
ochuman_root = 'data/ochuman/'
ochuman_test = dict(
    type='BottomupOCHumanDataset',
    data_root=ochuman_root,
    ann_file='annotations/ochuman_coco_format_test_range_0.00_1.00.json',
    data_prefix=dict(img='images/'))
ochuman_metric = dict(ann_file=ochuman_root + ochuman_test['ann_file'])
