"""Find people with an exported model; ``centergroup predict --onnx`` has more options."""

import sys

from centergroup_lite.errors import run_tool
from centergroup_lite.run_onnx import main, parse_args

__all__ = ['main', 'parse_args']

if __name__ == '__main__':
    sys.exit(run_tool(main))
