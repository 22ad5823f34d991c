"""Checkpoints on a local disk that are there completely or not at all."""

from __future__ import annotations

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from ..utils.files import write_whole

#: what ``backend_args=dict(backend=...)`` names
ATOMIC = 'centergroup_mm_atomic'


class AtomicLocalBackend(LocalBackend):
    """mmengine's local backend, which writes beside the file, flushes, and renames.

    A process that is killed while it writes leaves the file that was there before. A disk that is
    full raises a ``UserError`` with the file's name.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes to a file."""
        with write_whole(filepath) as partial:
            partial.write_bytes(obj)


register_backend(ATOMIC, AtomicLocalBackend, force=True)
