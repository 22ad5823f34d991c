"""Parameter names of other implementations and their names in this package."""

from __future__ import annotations

# Prefixes that training frameworks add to every name.
_WRAPPERS = ('module', 'model')
# Parts of names in early official checkpoints, and what they were renamed to.
_OLD_PARTS = {'graph_model': 'group_model', 'graph_net': 'tr_encoder'}

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
_DETECTOR_HEAD = ('final_layers.', 'deconv_layers.')


def canonical(name: str) -> str:
    """Name without prefixes of wrappers, with outdated parts replaced by the current ones.

    Args:
        name: as in a checkpoint, for example ``model.graph_model.graph_net.layers.0...``.
    """
    parts = name.split('.')
    while len(parts) > 1 and parts[0] in _WRAPPERS:
        parts = parts[1:]
    return '.'.join(_OLD_PARTS.get(part, part) for part in parts)


def from_official(name: str) -> str:
    """Name in this package of a parameter of the official CenterGroup model.

    Args:
        name: as in the official state dict, for example ``bu_model.backbone.conv1.weight``.

    Raises:
        KeyError: the model has no such parameter.
    """
    for old, new in _PREFIXES:
        if name.startswith(old):
            name = new + name[len(old) :]
            for part, ours in _PARTS:
                name = name.replace(part, ours)
            return name
    raise KeyError(f'{name} is not a parameter of the CenterGroup release')


def from_higherhrnet(name: str, head: str = 'head.') -> str:
    """Name in this package of a parameter of a HigherHRNet, or of an HRNet.

    MMPose 0.x and the official detector use the prefixes ``backbone.`` and ``keypoint_head.``. The
    HigherHRNet repository uses none; there the first part of a name tells backbone and head apart.

    Args:
        name: for example ``keypoint_head.final_layers.0.bias``, ``final_layers.0.bias`` or
            ``stage2.0.branches.0.0.conv1.weight``.
        head: prefix of the detector's head in the model, ``head.detector.`` in CenterGroup.
    """
    if name.startswith('keypoint_head.'):
        return head + name.removeprefix('keypoint_head.')
    if name.startswith(_DETECTOR_HEAD):
        return head + name
    return 'backbone.' + name.removeprefix('backbone.')
