"""Errors that the user can fix; they are in ``centergroup_lite``, which needs no torch."""

from centergroup_lite.errors import UserError, run_tool

__all__ = ['UserError', 'run_tool']
