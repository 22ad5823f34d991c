"""Show in one page why keypoints were grouped; the same as ``centergroup explain``."""

import sys

from centergroup_mm.commands.explain import main, parse_args
from centergroup_mm.utils.errors import run_tool

__all__ = ['main', 'parse_args']

if __name__ == '__main__':
    sys.exit(run_tool(main))
