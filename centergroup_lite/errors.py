"""Errors that the user can fix, shown as one line instead of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


class UserError(Exception):
    """Something is missing or does not fit; the message is one line that says what to do."""


def run_tool(main: Callable[[], None]) -> int:
    """Run the main function of a tool and return its exit status.

    Args:
        main: the tool. A :class:`UserError` it raises is printed as one line, once for all
            processes of a distributed run.

    Returns:
        0, or 2 after a UserError as argparse does for a wrong command line, or 130 after Ctrl-C
        as a shell does.
    """
    try:
        main()
    except UserError as error:
        if os.environ.get('RANK', '0') == '0':
            sys.stderr.write(f'error: {" ".join(str(error).split())}\n')
        return 2
    except KeyboardInterrupt:
        sys.stderr.write('stopped\n')
        return 130
    return 0
