"""Convert a checkpoint of another implementation; the same as ``centergroup convert``."""

import sys

from centergroup_mm.commands.convert import main, parse_args
from centergroup_mm.utils.errors import run_tool

__all__ = ['main', 'parse_args']

if __name__ == '__main__':
    sys.exit(run_tool(main))
