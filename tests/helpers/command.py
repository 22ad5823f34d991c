"""The command ``centergroup`` as a script."""

import sys

from centergroup_lite.main import main

if __name__ == '__main__':
    sys.exit(main())
