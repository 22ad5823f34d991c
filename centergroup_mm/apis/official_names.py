"""Parameter names of the authors' release and their places in this package."""

from __future__ import annotations

# Longest prefixes first: the first that fits is used.
_PREFIXES = (
    ('bu_model.backbone.', 'backbone.'),
    ('bu_model.keypoint_head.', 'head.detector.'),
    ('kp_embed_cnn.', 'head.neck.keypoint_embed.'),
    ('person_embed_cnn.', 'head.neck.center_embed.'),
    ('group_model.initial_mlp.', 'head.neck.initial_mlp.'),
    ('group_model.kp_encoder.mlp.layers.0.', 'head.neck.position_proj.'),
    ('group_model.kp_encoder.type_embed.', 'head.neck.type_embed.'),
    ('group_model.tr_encoder.layers.', 'head.neck.layers.'),
    ('group_model.prediction_heads.', 'head.grouping.'),
)
_PARTS = (
    ('.loc_attn.q_linear.', '.query.'),
    ('.loc_attn.k_linear.', '.key.'),
    ('.loc_attn.v_linear.', '.value.'),
    ('.mlp_vis.', '.visibility_mlp.'),
    ('.mlp_person_tp.', '.center_mlp.'),
)


def from_official(name: str) -> str:
    """Name in this package of a parameter of the authors' CenterGroup model.

    Args:
        name: as in the authors' state dict, for example ``bu_model.backbone.conv1.weight``.

    Raises:
        KeyError: no part of the model has such a name.
    """
    for old, new in _PREFIXES:
        if name.startswith(old):
            name = new + name[len(old) :]
            for part, ours in _PARTS:
                name = name.replace(part, ours)
            return name
    raise KeyError(f'{name} is not a parameter of the CenterGroup release')
