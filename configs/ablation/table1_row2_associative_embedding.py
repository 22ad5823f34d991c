# Table 1, row 2: HigherHRNet grouped by associative embedding, the paper's baseline.
#
# The model is the plain HigherHRNet of the main configs; row 1, offsets from the center, is
# projects/offsets.
#
#   python tools/train.py configs/ablation/table1_row2_associative_embedding.py --auto-scale-lr
_base_ = ['../higherhrnet_w32_coco.py']
