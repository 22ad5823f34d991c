"""`detector_*`: a plain HigherHRNet of the original release, through the converter."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS

from centergroup_mm.checkpoints.convert_file import convert_file

from .check_stages import HEATMAP
from .models import config_of, fill_rule, shapes_of
from .reference import Reference, assert_close


def needed_keys(ref: Reference) -> list[str]:
    """What the check reads."""
    return ['meta/config', 'meta/prefix', 'in/img', 'out/maps4_sub', 'out/maps2_sub']


@torch.no_grad()
def check(ref: Reference) -> None:
    """Convert the release's weights as a user would, load them strictly, compare the maps."""
    ref.require(needed_keys(ref))
    cfg = config_of(ref.meta('config'), 'higherhrnet')
    shapes = shapes_of(f'higherhrnet_repo_{ref.meta("config")}')
    init_default_scope('mmpose')
    model = MODELS.build(cfg.model)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, 'theirs.pth'), Path(folder, 'ours.pth')
        torch.save(fill_rule().fill_state_dict(shapes, prefix=ref.meta('prefix')), source)
        convert_file(str(source), str(target), cfg.filename)
        load_checkpoint(model, str(target), 'cpu', strict=True)
    model.eval()
    quarter, half = model.head(model.backbone(ref['in/img']))
    assert_close(quarter[:, :, ::2, ::2], ref['out/maps4_sub'], HEATMAP, 'maps at 1/4')
    assert_close(half[:, :, ::4, ::4], ref['out/maps2_sub'], HEATMAP, 'maps at 1/2')
    (heatmaps, finer), tags = model.head.split((quarter, half))
    assert heatmaps.shape[1] == finer.shape[1] == tags.shape[1] == model.head.num_keypoints
