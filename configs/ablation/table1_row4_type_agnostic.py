# Table 1, row 4: no type encoding.
#
# As row 5, but the grouping does not know which type a keypoint was detected as: every head attends
# to the keypoints of all types alike.
#
#   python tools/train.py configs/ablation/table1_row4_type_agnostic.py --auto-scale-lr
_base_ = ['./table1_row5_type_encoding.py']

model = dict(head=dict(neck=dict(type_encoding=False)))
