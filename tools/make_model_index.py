"""Write model-index.yml and configs/metafile.yml from the table in centergroup_mm/zoo/models.py.

python tools/make_model_index.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from centergroup_mm.utils import cli
from centergroup_mm.utils.errors import run_tool
from centergroup_mm.zoo.metafile import texts


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    return cli.make_parser(__doc__ or '').parse_args()


def main() -> None:
    """Write both."""
    parse_args()
    for name, text in texts().items():
        (Path(__file__).resolve().parents[1] / name).write_text(text, encoding='utf-8')
        print(name)


if __name__ == '__main__':
    sys.exit(run_tool(main))
