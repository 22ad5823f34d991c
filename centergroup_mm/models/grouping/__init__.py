"""The tensor core of CenterGroup: pure torch, fixed shapes, boolean masks.

Nothing here imports mmengine or mmpose, reads metas or changes its shape with the content
of an image, so every function compiles, exports and can be tested alone.  Axis letters:

- B: images (with flip test first all images, then all mirrored images)
- T: heatmap types (K joints, then one center), R: ranks, that is slots a type has
- C: center proposals, M = K * R keypoint proposals, slot = type * R + rank
- D: embedding channels, H and W: size of the network input in pixels

All points are (x, y) in whole pixels of the network input.
"""

from .attention import AttentionGrouping, GroupingOutput
from .decode import Poses, decode_poses, refine_points
from .embedding import MLP, EmbeddingCNN, embed_windows, window_cost
from .encoder import EncoderLayer
from .position import sine_encoding_at
from .proposals import Proposals, find_peaks, merge_heatmap_levels, rank_values, select_proposals
from .sampling import sample_at, value_at
from .views import merge_heatmaps, merge_mirrored, mirror_heatmaps, mirror_proposals

__all__ = [
    'MLP',
    'AttentionGrouping',
    'EmbeddingCNN',
    'EncoderLayer',
    'GroupingOutput',
    'Poses',
    'Proposals',
    'decode_poses',
    'embed_windows',
    'find_peaks',
    'merge_heatmap_levels',
    'merge_heatmaps',
    'merge_mirrored',
    'mirror_heatmaps',
    'mirror_proposals',
    'rank_values',
    'refine_points',
    'sample_at',
    'select_proposals',
    'sine_encoding_at',
    'value_at',
    'window_cost',
]
