"""Every reference file that is there, whatever its name says beyond the first word."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import check_detector, check_grouping, check_loss, check_pipeline
from .models import official_state
from .reference import Reference, kind_of, reference_files

CHECKS = dict(
    detector=check_detector.check,
    grouping=check_grouping.check,
    loss=check_loss.check,
    pipeline=check_pipeline.check,
)


def run_check(path: Path) -> None:
    """Compare this package with one file; fails for a file of an unknown kind."""
    if path.is_dir():
        pytest.fail(f'there is no reference file in {path}', pytrace=False)
    kind = kind_of(path)
    if kind not in CHECKS or path.suffix != '.npz':
        known = ', '.join(f'{name}_*.npz' for name in CHECKS)
        pytest.fail(f'{path.name} is of an unknown kind, known are {known}', pytrace=False)
    CHECKS[kind](Reference(path))


@pytest.mark.parametrize('path', reference_files())
def test_reference(path: Path) -> None:
    run_check(path)


def test_weights_are_the_release(reference_folder: Path) -> None:
    """Names are covered one to one: every model of the files is loaded strictly."""
    assert len(official_state('w32_coco')) == 1987
