"""Find the checkpoint that an interrupted training goes on from, and keep its folder to one run."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from ..utils.checks import is_remote
from ..utils.errors import UserError, process_rank
from ..utils.files import naming, write_whole
from .load import UNREADABLE, check_checkpoint, load_weights

#: what mmengine needs to resume
NEEDED = ('meta', 'message_hub', 'optimizer')
PATTERNS = ('iter_*.pth', 'epoch_*.pth')
LOCK = '.training.lock'


def prepare_resume(cfg: Config) -> None:
    """Set ``load_from`` to the checkpoint that training resumes from, and its random seed.

    Args:
        cfg: with ``resume``; ``load_from`` names a checkpoint, or the newest complete one in
            ``work_dir`` is taken. If there is none, ``resume`` becomes False.

    Raises:
        UserError: the named checkpoint cannot be resumed, or none of those in ``work_dir`` can.
    """
    named = cfg.get('load_from')
    if named and is_remote(named):
        return
    path = str(named) if named else find_resumable(cfg.work_dir)
    if path is None:
        cfg.resume = False
        return
    if not named and process_rank() == 0:  # a kill right after a save has left an older name
        with write_whole(Path(cfg.work_dir) / 'last_checkpoint') as partial:
            partial.write_text(path)
    seed = check_resumable(path)['meta'].get('seed')
    cfg.load_from = path
    if seed is not None:
        cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}


def check_resumable(path: str) -> dict[str, Any]:
    """Load a checkpoint, or raise a UserError if training cannot go on from it."""
    content = check_checkpoint(path)
    missing = [key for key in NEEDED if key not in content]
    if missing:
        raise UserError(
            f'{path} holds weights only, without {", ".join(missing)}: it cannot be resumed; '
            'to start from its weights use --cfg-options load_from=PATH without --resume'
        )
    return content


def find_resumable(work_dir: str | Path) -> str | None:
    """Return the newest complete checkpoint of a training; None if it has not saved any.

    What ``last_checkpoint`` names comes first only if it is the newest. Checkpoints that are
    damaged are left out, and a log line names each of them.

    Args:
        work_dir: folder of the training.

    Raises:
        UserError: there are checkpoints, and all of them are damaged.
    """
    reasons = []
    for path in sorted(_candidates(Path(work_dir)), key=_progress, reverse=True):
        try:
            check_resumable(str(path))
        except UserError as error:
            reasons.append(str(error))
            continue
        for reason in reasons:
            print_log(f'{reason}; resuming from {path}', 'current', level=30)
        return str(path)
    if reasons:
        raise UserError(
            f'{reasons[0]}; no checkpoint in {work_dir} can be resumed: name one with '
            '--resume PATH, or another --work-dir'
        )
    return None


def lock_work_dir(work_dir: str | Path) -> int | None:
    """Reserve a folder for this training as long as this process lives.

    Args:
        work_dir: made if it is not there.

    Returns:
        descriptor of the lock; None where the file system has no locks.

    Raises:
        UserError: it is not a folder, cannot be written, or another training runs in it.
    """
    path = Path(work_dir) / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UserError(
            f'--work-dir {work_dir} cannot be used as a folder: {error.strerror}'
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.read(descriptor, 200).decode(errors='replace').strip() or 'another process'
        os.close(descriptor)
        raise UserError(
            f'{work_dir} is in use by {owner}: wait for it, or name another --work-dir'
        ) from error
    except OSError:  # some network file systems
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    with naming(path):
        os.write(descriptor, f'process {os.getpid()} on {socket.gethostname()}\n'.encode())
    return descriptor


def _candidates(work_dir: Path) -> set[Path]:
    """Checkpoints of a folder, and the one that ``last_checkpoint`` names, wherever it is."""
    found = {path for pattern in PATTERNS for path in work_dir.glob(pattern)}
    pointer = work_dir / 'last_checkpoint'
    named = pointer.read_text(errors='replace').strip() if pointer.is_file() else ''
    if named and not (work_dir / Path(named).name).exists() and Path(named).is_file():
        found.add(Path(named))
    return found


def _progress(path: Path) -> tuple[float, float]:
    """Iterations that a checkpoint has behind it; infinite for one that cannot be read."""
    for mapped in (True, False):  # files of old formats cannot be mapped
        try:
            content = load_weights(path, mmap=mapped)
            return float(content['meta']['iter']), path.stat().st_mtime
        except UNREADABLE:
            continue
    return float('inf'), path.stat().st_mtime
