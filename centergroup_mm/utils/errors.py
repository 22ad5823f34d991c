"""Errors that the user can fix; they are in ``centergroup_lite``, which needs no torch."""

from centergroup_lite.errors import SHOW, UserError, message_of, process_rank, run_tool

__all__ = ['SHOW', 'UserError', 'message_of', 'process_rank', 'run_tool']
