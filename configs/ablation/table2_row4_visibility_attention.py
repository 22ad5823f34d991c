# Table 2, row 4: the full model.
#
# Visibility is classified from what each joint's head attends to (Eq. 11) and the center.  This
# is centergroup_w32_coco.py and Table 1's row 7.
#
#   python tools/train.py configs/ablation/table2_row4_visibility_attention.py --auto-scale-lr
_base_ = ['../centergroup_w32_coco.py']
