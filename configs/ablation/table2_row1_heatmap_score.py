# Table 2, row 1: poses scored by the center's heatmap.
#
# As row 2, but centers are not classified either. There is no loss of it, and the score of a pose
# is the heatmap value of its center.
#
#   python tools/train.py configs/ablation/table2_row1_heatmap_score.py --auto-scale-lr
_base_ = ['./table2_row2_center_classification.py']

model = dict(head=dict(grouping=dict(classify_centers=False), loss=dict(center_weight=0.0)))
