"""`grouping_*`: everything behind the detector, from given heatmaps and features."""

from __future__ import annotations

import torch

from centergroup_mm.models.heads import Detection

from . import check_stages as stages
from .models import build_head
from .reference import Reference


def needed_keys(ref: Reference) -> list[str]:
    """What the check reads."""
    keys = [*stages.needed_keys(ref), 'meta/test_scales']
    scales = range(len(stages.scale_order(ref)))
    return keys + [f'in/s{i}/{name}' for i in scales for name in ('fmap', 'hm4', 'hm2')]


@torch.no_grad()
def check(ref: Reference) -> None:
    """Compare with the file."""
    ref.require(needed_keys(ref))
    expected = [2.0, 1.0, 0.5] if ref.meta('multiscale') else [1.0]
    assert ref.meta('test_scales') == expected, f'{ref.name}: scales other than {expected}'
    head = build_head(ref.meta('config'), ref.overrides())
    order = stages.scale_order(ref)
    levels = [(ref[f'in/s{i}/hm4'], ref[f'in/s{i}/hm2']) for i in order]
    maps = head.merge(levels, stages.flip_indices_of(ref), tuple(ref.meta('input_hw')))
    stages.check_stages(head, Detection(maps, [(ref[f'in/s{i}/fmap'],) for i in order]), ref)
