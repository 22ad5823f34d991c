"""The command ``centergroup``: finds the sub-command and imports nothing else."""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Sequence

from .commands import COMMANDS
from .errors import UserError, run_tool
from .version import __version__

ABOUT = """Multi-person pose estimation: people in photographs, training, evaluation, export.

    centergroup COMMAND --help     # the options of a command, with examples
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of everything that is not left to a command."""
    width = max(map(len, COMMANDS))
    lines = [f'  {name:<{width}}  {command.about}' for name, command in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog='centergroup',
        description=ABOUT,
        epilog='commands:\n' + '\n'.join(lines),
        usage='%(prog)s [-h] [--version] COMMAND ...',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('command', choices=COMMANDS, metavar='COMMAND', help='one of those below')
    parser.add_argument('--version', action='version', version=f'centergroup {__version__}')
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program; default: that of the process.

    Returns:
        the exit status, see :func:`centergroup_lite.errors.run_tool`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        make_parser().print_help()
        return 0
    name = make_parser().parse_args(given[:1]).command
    sys.argv = [f'centergroup {name}', *given[1:]]  # commands read it, and name it in their help
    return run_tool(lambda: run_command(name))


def run_command(name: str) -> None:
    """Import a command and run it, or say in one line what it needs."""
    # of mmengine's, which a user of a command cannot change
    warnings.filterwarnings('ignore', 'pkg_resources is deprecated', UserWarning)
    try:
        command = importlib.import_module(COMMANDS[name].module)
    except ImportError as error:
        remedy = '; pip install opencv-python-headless' if error.name == 'cv2' else ''
        raise UserError(f'centergroup {name} cannot start: {error}{remedy}') from error
    command.main()
