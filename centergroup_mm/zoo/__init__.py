"""Trained models that come with the package: weights, each with a model card beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..utils.errors import UserError
from .models import PHOTOGRAPHS

__all__ = ['FOLDER', 'PHOTOGRAPHS', 'weights_of']

FOLDER = Path(__file__).parent


def weights_of(name: str) -> Path:
    """Path of the weights of a model of the zoo.

    Args:
        name: of the model and of its config, such as :data:`PHOTOGRAPHS`.

    Returns:
        ``NAME-SHA.pth`` in this folder, where SHA are the first eight digits of the file's
        SHA-256 checksum, as MMPose names its checkpoints; ``NAME.pth`` if that is there instead.

    Raises:
        UserError: there is no such file, or its checksum differs from the one in its name.
    """
    found = sorted(FOLDER.glob(f'{name}-????????.pth'))
    plain = FOLDER / f'{name}.pth'
    if not found and plain.is_file():
        return plain
    if not found:
        known = ', '.join(sorted(path.stem for path in FOLDER.glob('*.pth')))
        raise UserError(f'the package has no weights of {name}; it has: {known}')
    path = found[-1]
    if hashlib.sha256(path.read_bytes()).hexdigest()[:8] != path.stem.rsplit('-', 1)[1]:
        raise UserError(f'{path} is damaged: its checksum is not the one in its name')
    return path
