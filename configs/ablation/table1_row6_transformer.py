# Table 1, row 6: no positional encoding.
#
# As the full model of row 7, but neither the transformer nor the grouping knows where a keypoint
# or center is; the encoding that joins their queries and keys is that of the type alone.
#
#   python tools/train.py configs/ablation/table1_row6_transformer.py --auto-scale-lr
_base_ = ['../centergroup_w32_coco.py']

model = dict(head=dict(neck=dict(position_encoding=False)))
