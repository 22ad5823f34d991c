# Table 2, row 2: no visibility.
#
# As row 3, but nothing tells which joints are visible: there is no such loss, and poses are
# scored by the probability that their center is a person.  With flip test joints come from the
# unmirrored view, as no view is surer.
#
#   python tools/train.py configs/ablation/table2_row2_center_classification.py --auto-scale-lr
_base_ = ['./table2_row3_visibility_mlp.py']

model = dict(
    head=dict(
        grouping=dict(visibility=None),
        loss=dict(visibility_weight=0.0),
        decoder=dict(by_visibility=False)))
