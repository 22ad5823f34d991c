"""The commands of ``centergroup``: where their code is, found without importing it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    """A command.

    ======= =====================================================================================
    module  has ``main()``, which reads ``sys.argv`` and raises UserError for what the user can fix
    about   one line of ``centergroup --help``
    tool    the script of ``tools/`` that is the same, '' if there is none
    ======= =====================================================================================
    """

    module: str
    about: str
    tool: str = ''

    @property
    def exists(self) -> bool:
        """Whether the module is there; its package is found, but not imported."""
        package, *inner = self.module.split('.')
        spec = importlib.util.find_spec(package)
        folders = (spec and spec.submodule_search_locations) or ()
        return any(
            Path(folder, *inner).with_suffix('.py').is_file()
            or Path(folder, *inner, '__init__.py').is_file()
            for folder in folders
        )


#: name -> command, in the order of the help
COMMANDS: dict[str, Command] = {
    name: command
    for name, command in {
        'predict': Command(
            'centergroup_lite.predict', 'find and draw the poses in images and videos', 'demo.py'
        ),
        'explain': Command(
            'centergroup_mm.commands.explain',
            'show in a page why keypoints were grouped',
            'explain.py',
        ),
        'train': Command('centergroup_mm.commands.train', 'train a model', 'train.py'),
        'test': Command('centergroup_mm.commands.test', 'evaluate a model', 'test.py'),
        'export': Command(
            'centergroup_mm.commands.export', 'write a model as one ONNX file', 'export_onnx.py'
        ),
        'convert': Command(
            'centergroup_mm.commands.convert',
            'convert a checkpoint of another implementation',
            'convert_checkpoint.py',
        ),
        'data': Command('centergroup_lite.data', 'check and set up your own annotations'),
    }.items()
    if command.exists
}


def examples(text: str) -> str:
    """Write the commands in a text the way this process was called.

    Args:
        text: with commands such as ``centergroup train CONFIG.py`` and ``-m centergroup_lite train
            CONFIG.py``.

    Returns:
        the text, with ``python tools/train.py CONFIG.py`` and ``tools/train.py CONFIG.py`` if this
        process runs a script of ``tools/``.
    """
    if not sys.argv[0].endswith('.py'):
        return text
    for name, command in COMMANDS.items():
        if command.tool:
            tool = f'tools/{command.tool} '
            text = text.replace(f'-m centergroup_lite {name} ', tool)
            text = text.replace(f'centergroup {name} ', f'python {tool}')
    return text
