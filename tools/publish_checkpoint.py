"""Make a checkpoint small enough to share: weights and dataset metadata only.

    python tools/publish_checkpoint.py work_dirs/RUN/iter_8000.pth small.pth --half

Optimizer, schedule and logs are left out, so training cannot be resumed from the result. Everything
else loads it like any checkpoint, also with weights_only=True. With --half the weights are stored
in float16, in half of the bytes, and become float32 again when a model loads them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from centergroup_mm.checkpoints.load import check_checkpoint, is_finite
from centergroup_mm.utils import cli
from centergroup_mm.utils.errors import UserError, run_tool
from centergroup_mm.utils.files import check_target, check_writable, write_whole


def publish(checkpoint: dict, half: bool) -> dict:
    """The part of a checkpoint that testing needs.

    Args:
        checkpoint: as mmengine writes it, with ``state_dict`` and ``meta``.
        half: store floating point tensors in float16.

    Raises:
        UserError: a weight is not finite in half precision.
    """
    state = {}
    for name, value in checkpoint['state_dict'].items():
        if not is_finite(value):
            raise UserError(f'{name} is not finite: take an earlier checkpoint')
        if half and value.is_floating_point():
            value = value.half()
            if not is_finite(value):
                raise UserError(f'{name} does not fit into half precision: leave out --half')
        state[name] = value.cpu().contiguous()
    meta = checkpoint.get('meta', {})
    kept = ('dataset_meta', 'dataset_meta_arrays', 'iter', 'epoch', 'mmengine_version')
    return dict(state_dict=state, meta={key: meta[key] for key in kept if key in meta})


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('source', help='checkpoint that training wrote')
    parser.add_argument('target', help='file to write')
    parser.add_argument('--half', action='store_true', help='store weights in float16')
    cli.add_overwrite(parser, 'replace the target if it exists')
    return parser.parse_args()


def main() -> None:
    """Read, shrink, write."""
    args = parse_args()
    source, target = Path(args.source), Path(args.target)
    check_target(target, args.overwrite)
    check_writable(target)
    checkpoint = check_checkpoint(str(source))
    if 'state_dict' not in checkpoint:
        raise UserError(f'{source}: not a training checkpoint, it holds no state_dict')
    state = checkpoint['state_dict']
    odd = next((name for name, value in state.items() if not isinstance(value, torch.Tensor)), None)
    if odd is not None:
        raise UserError(f'{source}: {odd} is no tensor, but {type(state[odd]).__name__}')
    published = publish(checkpoint, args.half)
    with write_whole(target) as partial:
        torch.save(published, partial)
    sizes = [path.stat().st_size / 1e6 for path in (source, target)]
    print(f'{target}: {sizes[1]:.1f} MB (from {sizes[0]:.1f} MB)')


if __name__ == '__main__':
    sys.exit(run_tool(main))
