"""Train a pose model; the same as ``centergroup train``."""

import sys

from centergroup_mm.commands.train import main, parse_args
from centergroup_mm.utils.errors import run_tool

__all__ = ['main', 'parse_args']

if __name__ == '__main__':
    sys.exit(run_tool(main))
