# Table 1, row 5: no transformer.
#
# As row 6, but the grouping gets the initial embeddings, without context. There is only one
# grouping module.
#
#   python tools/train.py configs/ablation/table1_row5_type_encoding.py --auto-scale-lr
_base_ = ['./table1_row6_transformer.py']

model = dict(head=dict(neck=dict(num_layers=0)))
