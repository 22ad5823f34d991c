"""Export a CenterGroup model as one ONNX file; the same as ``centergroup export``."""

import sys

from centergroup_mm.commands.export import main, parse_args
from centergroup_mm.utils.errors import run_tool

__all__ = ['main', 'parse_args']

if __name__ == '__main__':
    sys.exit(run_tool(main))
