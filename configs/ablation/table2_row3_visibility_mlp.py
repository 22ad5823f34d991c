# Table 2, row 3: visibility from the center alone.
#
# As the full model of row 4, but an MLP predicts from the center's embedding alone which joints are
# visible. The attention has no value projection.
#
#   python tools/train.py configs/ablation/table2_row3_visibility_mlp.py --auto-scale-lr
_base_ = ['../centergroup_w32_coco.py']

model = dict(head=dict(grouping=dict(visibility='center')))
