r"""Count the parameters of each component of a model, beside those the paper publishes.

    # the three models with official checkpoints
    python tools/count_parameters.py

    # any configs, side by side
    python tools/count_parameters.py configs/centergroup_w32_coco.py \
        configs/ablation/table1_row5_type_encoding.py

The column "paper" has the published numbers of Table 7, for HRNet-W32 and, in brackets, W48. There
are three sums: everything in a checkpoint; what is needed at test time, which is only the last
grouping module; and the sum as in the paper, with one embedding CNN and one grouping module and
without the encodings of position and type. No weights are loaded or initialized.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

import centergroup_mm  # noqa: F401
from centergroup_mm.utils import checks, cli
from centergroup_mm.utils.errors import UserError, run_tool

ROOT = Path(__file__).resolve().parents[1]
RELEASED = ('w32_coco', 'w48_coco', 'w48_crowdpose')
# Component: the paper's number (Table 7), and whether it is part of the paper's sum.
PUBLISHED = {
    'backbone': ('28.5M (63.7M)', True),
    'keypoint head': ('110K', True),
    'embedding CNN, keypoints': ('595K', True),
    'embedding CNN, centers': ('not counted', False),
    'initial MLP': ('33K', True),
    'position MLP': ('-', False),
    'type embedding': ('-', False),
    'transformer encoder': ('594K', True),
    'attention': ('420K', True),
    'MLP center': ('33K', True),
    'MLP visibility': ('41K', True),
}
MODULES = 'grouping modules'
OTHER = 'everything else'
TOTAL, AT_TEST, AS_PAPER = 'in the checkpoint', 'needed at test', 'summed as the paper does'


def count(*modules: nn.Module | None) -> int:
    """Parameters of modules, some of which may be absent."""
    return sum(p.numel() for module in modules if module is not None for p in module.parameters())


def components(model: nn.Module) -> dict[str, int]:
    """Parameters by component, in the order of the method, and their sums.

    Args:
        model: a pose estimator with a head of this package.

    Returns:
        numbers by the names of ``PUBLISHED``, for one grouping module where it has several;
        then the modules' own count and the sums. What the model lacks is left out.
    """
    head, total = model.head, count(model)
    result = {'backbone': count(model.backbone)}
    if not hasattr(head, 'grouping'):
        detector = getattr(head, 'detector', head)
        result['keypoint head'] = count(detector)
        result[OTHER] = total - sum(result.values())
        return {**_present(result), TOTAL: total, AT_TEST: total}
    neck, module = head.neck, head.grouping[-1]
    projections = (getattr(module, name, None) for name in ('query', 'key', 'value'))
    result.update(
        {
            'keypoint head': count(head.detector),
            'embedding CNN, keypoints': count(neck.keypoint_embed),
            'embedding CNN, centers': count(neck.center_embed),
            'initial MLP': count(neck.initial_mlp),
            'position MLP': count(neck.position_proj),
            'type embedding': count(neck.type_embed),
            'transformer encoder': count(neck.layers),
            'attention': count(*projections),
            'MLP center': count(getattr(module, 'center_mlp', None)),
            'MLP visibility': count(getattr(module, 'visibility_mlp', None)),
        }
    )
    unused = (len(head.grouping) - 1) * count(module)
    other = total - unused - sum(result.values())
    as_paper = sum(value for name, value in result.items() if PUBLISHED[name][1])
    result[OTHER] = other
    return {
        **_present(result),
        MODULES: len(head.grouping),
        TOTAL: total,
        AT_TEST: total - unused,
        AS_PAPER: as_paper,
    }


def _present(counts: dict[str, int]) -> dict[str, int]:
    return {name: value for name, value in counts.items() if value}


def build(config: str) -> nn.Module:
    """The model of a config, without memory for its weights.

    Raises:
        UserError: there is no such config, or it has no model with a backbone and a head.
    """
    cfg = checks.load_config(config)
    model = cfg.get('model') or {}
    for key in ('backbone', 'head'):
        if not model.get(key):
            raise UserError(f'{config} has no model.{key}: give a config of a pose estimator')
    init_default_scope('mmpose')
    with torch.device('meta'):
        return MODELS.build(model)


def table(columns: dict[str, dict[str, int]]) -> str:
    """A table of components by rows and models by columns.

    Args:
        columns: result of :func:`components` by the name of the config.
    """
    published = {name: text for name, (text, _) in PUBLISHED.items()}
    published[AS_PAPER] = '30.3M (65.5M)'
    order = [*PUBLISHED, OTHER, MODULES, TOTAL, AT_TEST, AS_PAPER]
    rows = [['component', 'paper', *columns]]
    for name in order:
        if any(name in column for column in columns.values()):
            numbers = [
                f'{column[name]:,}' if name in column else '-' for column in columns.values()
            ]
            rows.append([name, published.get(name, ''), *numbers])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append('  '.join(cells).rstrip())
    lines.insert(1, '-' * max(map(len, lines)))
    return '\n'.join(lines)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument(
        'configs',
        nargs='*',
        metavar='CONFIG',
        default=[str(ROOT / f'configs/centergroup_{name}.py') for name in RELEASED],
        help='config files; default: the three released models',
    )
    return parser.parse_args()


def main() -> None:
    """Build, count, print."""
    args = parse_args()
    columns = {Path(path).stem: components(build(path)) for path in args.configs}
    sys.stdout.write(table(columns) + '\n\npaper: published in its Table 7, not counted here\n')


if __name__ == '__main__':
    sys.exit(run_tool(main))
