"""Run one of MMPose's own tools and demos on models of this package.

    python -m centergroup_mm get_flops CONFIG.py --input-shape 512 512
    python -m centergroup_mm browse_dataset CONFIG.py --output-dir drawn --not-show
    python -m centergroup_mm inferencer_demo PHOTO.jpg --pose2d centergroup --vis-out-dir drawn

The tools import MMPose, which does not start beside mmcv-lite before this package is imported. Here
it is, and nothing else is changed. A name is that of a script in mmpose/.mim, or a path. Configs of
the package are found from every folder.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path

from centergroup_lite.errors import UserError, run_tool

from .utils.packaged import find_config


def find_script(name: str) -> Path:
    """Return the path of a script of MMPose, or of the file that is named.

    Raises:
        UserError: there is none, or there are several of that name.
    """
    if Path(name).is_file():
        return Path(name)
    spec = importlib.util.find_spec('mmpose')
    folder = Path((spec and spec.origin) or '').parent / '.mim'
    scripts = sorted(p for part in ('tools', 'demo') for p in (folder / part).rglob('*.py'))
    found = [p for p in scripts if p.stem == Path(name).stem]
    if len(found) != 1:
        known = ', '.join(p.stem for p in scripts)
        raise UserError(f'{name} is no tool of MMPose: its tools are {known}')
    return found[0]


def with_config(word: str) -> str:
    """The path of a config of the package that an argument names; every other as it is."""
    return find_config(word) if word.endswith('.py') else word


def main() -> None:
    """Run the script that the first argument names, with the others."""
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        sys.stdout.write(__doc__ or '')
        return
    script = find_script(sys.argv[1])
    sys.argv = [str(script), *map(with_config, sys.argv[2:])]
    sys.path.insert(0, str(script.parent))  # as Python does for a script
    runpy.run_path(str(script), run_name='__main__')


if __name__ == '__main__':
    sys.exit(run_tool(main))
