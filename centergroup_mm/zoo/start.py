"""The photograph model as the start of a training with other keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from ..checkpoints.keypoint_transfer import transfer
from ..checkpoints.load import check_checkpoint
from ..checkpoints.load import weights_of as state_of
from ..utils.errors import UserError
from ..utils.files import write_whole
from ..utils.packaged import find_config
from ..utils.skeleton import read_metainfo
from . import PHOTOGRAPHS, weights_of

FINETUNE = 'centergroup_movenet_finetune'


def base() -> str:
    """Path of the config that trains detector and grouping, to inherit from.

    Mmengine would find it as ``centergroup_mm::NAME`` too, but then searches all that the config
    names in the registries of this package, which has none.
    """
    path = find_config(FINETUNE)
    if path == FINETUNE:
        raise UserError(f'the package has no config {FINETUNE}: install centergroup_mm whole')
    return path


def write_start(metainfo: str, known: Sequence[str], out: str | Path) -> list[bool]:
    """Write the weights from which a photograph model for other keypoints starts.

    Args:
        metainfo: file that describes the new keypoints.
        known: for each of them the name that COCO has for it, '' if there is none.
        out: file to write.

    Returns:
        for each new keypoint whether weights of its own were kept.

    Raises:
        UserError: the weights do not fit the model, or the file cannot be written.
    """
    names = list(read_metainfo('CocoDataset').names)
    sources = [names.index(name) if name in names else None for name in known]
    init_default_scope('mmpose')
    cfg = Config.fromfile(find_config(PHOTOGRAPHS))
    old = MODELS.build(cfg.model)
    checkpoint = str(weights_of(PHOTOGRAPHS))
    state = state_of(check_checkpoint(checkpoint))
    if set(state) != set(old.state_dict()):
        raise UserError(f'{checkpoint} does not fit {PHOTOGRAPHS}: install the package anew')
    made = transfer(state, sources, old.head.num_keypoints)
    cfg.model.head.metainfo = dict(from_file=metainfo)
    MODELS.build(cfg.model).load_state_dict(made)
    with write_whole(out) as path:
        torch.save(dict(state_dict=made), path)
    return [source is not None for source in sources]
