"""Errors that the user can fix, shown as one line instead of a traceback."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable

#: seconds after which a process other than the first prints its error
OTHERS_WAIT = 5.0
#: where torchrun, Slurm and Open MPI say which process of a run this is
RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')


#: if this variable is set, where an error comes from is printed before its line
SHOW = 'CENTERGROUP_TRACEBACK'


class UserError(Exception):
    """Something is missing or does not fit; the message is one line that says what to do."""


def run_tool(main: Callable[[], None]) -> int:
    """Run the main function of a tool and return its exit status.

    Args:
        main: the tool. A :class:`UserError` it raises is printed as one line. In a distributed run
            the first process prints it; another one does if it is still there after a while,
            because the error was its alone.

    Returns:
        0, or 2 after a UserError as argparse does for a wrong command line, or 130 after Ctrl-C
        as a shell does.
    """
    try:
        main()
    except UserError as error:
        rank = process_rank()
        if rank:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # how torchrun ends the others
            time.sleep(OTHERS_WAIT)
        if os.environ.get(SHOW):
            traceback.print_exc()
        where = f'process {rank}: ' if rank else ''
        sys.stderr.write(f'error: {where}{" ".join(message_of(error).split())}\n')
        return 2
    except KeyboardInterrupt:
        sys.stderr.write('stopped\n')
        return 130
    return 0


def message_of(error: BaseException) -> str:
    """Return the message of an error, also of one that a process of a data loader has raised.

    torch hands such an error on with the whole traceback in its message.
    """
    text = str(error)
    if 'Original Traceback (most recent call last)' not in text:
        return text
    lines = text.rstrip().splitlines()
    while any(line.startswith(' ') for line in lines):  # frames, and errors that came before
        lines.pop(0)
    return re.sub(r'^[\w.]+: ', '', '\n'.join(lines))


def process_rank() -> int:
    """Return the number of this process in the run, 0 if it is alone."""
    values = [os.environ[name] for name in RANKS if os.environ.get(name, '').isdigit()]
    return int(values[0]) if values else 0
