"""`loss_*`: which of its kinds a file is follows from what is in it."""

from __future__ import annotations

from . import check_training, check_unit_loss
from .reference import Reference


def check(ref: Reference) -> None:
    """Compare with the file."""
    unit = any(key in ref for key in check_unit_loss.SIGNS)
    (check_unit_loss if unit else check_training).check(ref)


def needed_keys(ref: Reference) -> list[str]:
    """What the check reads."""
    unit = any(key in ref for key in check_unit_loss.SIGNS)
    return (check_unit_loss if unit else check_training).needed_keys(ref)
