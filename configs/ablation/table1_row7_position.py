# Table 1, row 7: the full model.
#
# Row 6 with encodings of the position.  This is centergroup_w32_coco.py and Table 2's row 4.
#
#   python tools/train.py configs/ablation/table1_row7_position.py --auto-scale-lr
_base_ = ['../centergroup_w32_coco.py']
