# Table 1, row 3: attention to keypoints of the same type only.
#
# As row 4, but the head of a joint type sees only the keypoints that the detector takes for that
# type, so that it cannot correct a wrong type.
#
#   python tools/train.py configs/ablation/table1_row3_same_type.py --auto-scale-lr
_base_ = ['./table1_row4_type_agnostic.py']

model = dict(head=dict(grouping=dict(same_type_only=True)))
