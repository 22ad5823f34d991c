"""Errors that the user can fix, shown as one line instead of a traceback."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

#: seconds after which a process other than the first prints its error
OTHERS_WAIT = 5.0
#: where torchrun, Slurm and Open MPI say which process of a run this is
RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')


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
        where = f'process {rank}: ' if rank else ''
        sys.stderr.write(f'error: {where}{" ".join(str(error).split())}\n')
        return 2
    except KeyboardInterrupt:
        sys.stderr.write('stopped\n')
        return 130
    return 0


def process_rank() -> int:
    """Return the number of this process in the run, 0 if it is alone."""
    values = [os.environ[name] for name in RANKS if os.environ.get(name, '').isdigit()]
    return int(values[0]) if values else 0
