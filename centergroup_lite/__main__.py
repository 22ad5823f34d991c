"""``python -m centergroup_lite``, for where the command ``centergroup`` is not on the path."""

import sys

from .main import main

sys.exit(main())
