"""Errors that the user can fix; they are in ``centergroup_lite``, which needs no torch."""

from centergroup_lite.errors import UserError, process_rank, run_tool

__all__ = ['UserError', 'process_rank', 'run_tool']
