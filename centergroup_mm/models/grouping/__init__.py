"""The tensor core of CenterGroup: pure torch, fixed shapes, boolean masks.

Nothing here imports mmengine or mmpose or reads the metadata of data samples, and no shape depends
on what an image shows. Every function can therefore be compiled, exported and tested by itself.
Axis letters:

- B: images (with flip test first all images, then all mirrored images)
- T: heatmap types (K joints, then one center), R: ranks, the slots of each type
- C: center proposals, M = K * R keypoint proposals, slot = type * R + rank
- D: embedding channels, H and W: size of the network input in pixels

All points are (x, y) in whole pixels of the network input.
"""

from .attention import AttentionGrouping, GroupingOutput
from .decode import Poses, decode_poses, refine_points
from .embedding import MLP, EmbeddingCNN, embed_cells, embed_windows, window_cost
from .encoder import EncoderLayer
from .geometry import ExpectedPose, read_expected
from .listed_cells import needed_cells
from .point_embeddings import embed_points
from .position import sine_encoding_at
from .proposals import Proposals, find_peaks, merge_heatmap_levels, rank_values, select_proposals
from .sampling import sample_at, value_at
from .views import merge_heatmaps, merge_mirrored, mirror_heatmaps, mirror_proposals

__all__ = [
    'MLP',
    'AttentionGrouping',
    'EmbeddingCNN',
    'EncoderLayer',
    'ExpectedPose',
    'GroupingOutput',
    'Poses',
    'Proposals',
    'decode_poses',
    'embed_cells',
    'embed_points',
    'embed_windows',
    'find_peaks',
    'merge_heatmap_levels',
    'merge_heatmaps',
    'merge_mirrored',
    'mirror_heatmaps',
    'mirror_proposals',
    'needed_cells',
    'rank_values',
    'read_expected',
    'refine_points',
    'sample_at',
    'select_proposals',
    'sine_encoding_at',
    'value_at',
    'window_cost',
]
