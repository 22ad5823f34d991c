# Table 2, row 2: no visibility.
#
# As row 3, but visibility is not predicted. There is no loss of it, and the score of a pose is the
# probability that its center is a person. With flip test, joints come from the original image,
# because no visibility tells which view is better.
#
#   python tools/train.py configs/ablation/table2_row2_center_classification.py --auto-scale-lr
_base_ = ['./table2_row3_visibility_mlp.py']

model = dict(
    head=dict(
        grouping=dict(visibility=None),
        loss=dict(visibility_weight=0.0),
        decoder=dict(by_visibility=False)))
