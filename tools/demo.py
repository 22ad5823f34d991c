"""Draw the poses in photographs; the same as ``centergroup predict --format none``."""

import sys
from functools import partial

from centergroup_lite.errors import run_tool
from centergroup_lite.predict import main, parse_args

__all__ = ['main', 'parse_args']

if __name__ == '__main__':
    sys.exit(run_tool(partial(main, formats=('none',))))
