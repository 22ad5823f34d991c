"""Writing files completely or not at all; the code is in ``centergroup_lite``."""

from centergroup_lite.files import (
    check_folder,
    check_target,
    check_writable,
    naming,
    write_whole,
)

__all__ = ['check_folder', 'check_target', 'check_writable', 'naming', 'write_whole']
