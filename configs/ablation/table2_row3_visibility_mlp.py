# Table 2, row 3: visibility from the center alone.
#
# As the full model of row 4, but an MLP on the center's embedding tells which joints are visible,
# without looking at the keypoints; there are no values to attend to.
#
#   python tools/train.py configs/ablation/table2_row3_visibility_mlp.py --auto-scale-lr
_base_ = ['../centergroup_w32_coco.py']

model = dict(head=dict(grouping=dict(visibility='center')))
