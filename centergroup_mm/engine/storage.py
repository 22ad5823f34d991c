"""Files of mmengine on a local disk that are there completely or not at all."""

from __future__ import annotations

from pathlib import Path

from mmengine.fileio import LocalBackend, io, register_backend

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

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text to a file."""
        with write_whole(filepath) as partial:
            partial.write_text(obj, encoding)


register_backend(ATOMIC, AtomicLocalBackend, force=True)


def write_all_whole() -> None:
    """Let all that mmengine and mmcv write in this process go through ``AtomicLocalBackend``.

    That is metrics, predictions, results and drawings; checkpoints do so in any case.
    """
    register_backend('local', AtomicLocalBackend, force=True, prefixes='')
    io.backend_instances.clear()  # mmengine goes on with those that it has made before
