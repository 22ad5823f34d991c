"""Reference files of the official implementation: where they are and how they are read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
FOLDER = Path(
    os.environ.get('CENTERGROUP_REFERENCE', ROOT.parent / 'shared' / 'official' / 'fixtures')
)
SHARED = Path(os.environ.get('CENTERGROUP_SHARED', ROOT.parent / 'shared'))
NO_FOLDER = f'no reference values: {FOLDER} is absent; set CENTERGROUP_REFERENCE'


def official_file(name: str) -> Path:
    """A file that lies beside the folder of reference files, else in the shared material."""
    places = [FOLDER.parent, FOLDER, SHARED / 'official']
    for place in places:
        if (place / name).is_file():
            return place / name
    pytest.fail(f'{name} is in none of {", ".join(map(str, places))}; set CENTERGROUP_SHARED')


def kind_of(path: Path) -> str:
    """First word of a file name, which says what the file is checked for."""
    return re.split(r'[^A-Za-z0-9]', path.name)[0]


def reference_files() -> list:
    """Parameters for every file of the folder; one that skips if there is no folder."""
    if not FOLDER.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=NO_FOLDER), id='absent')]
    files = sorted(p for p in FOLDER.iterdir() if p.is_file() and not p.name.startswith('.'))
    # An empty folder is a mistake and fails, see `run_check`.
    return [pytest.param(path, id=path.stem) for path in files or [FOLDER]]


class Reference:
    """One reference file; half-precision inputs are widened.

    A key that the file lacks fails the test with the names of both.

    Args:
        path: an npz file.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.data = np.load(path)
        self.keys = set(self.data.files)

    def require(self, keys: Iterable[str]) -> None:
        """Fail unless the file has all these keys."""
        missing = [key for key in keys if key not in self.keys]
        if missing:
            pytest.fail(f'{self.name} lacks {", ".join(missing)}', pytrace=False)

    def __contains__(self, key: str) -> bool:
        return key in self.keys

    def array(self, key: str) -> np.ndarray:
        """An entry as it is stored."""
        self.require([key])
        return self.data[key]

    def __getitem__(self, key: str) -> torch.Tensor:
        value = self.array(key)
        if value.dtype == np.float16:
            value = value.astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(value))

    def meta(self, key: str):
        """An entry of ``meta/`` as plain Python."""
        return self.array(f'meta/{key}').tolist()

    def below(self, prefix: str) -> list[str]:
        """What follows ``prefix`` in the keys that start with it, in order."""
        return [key[len(prefix) :] for key in self.data.files if key.startswith(prefix)]

    def overrides(self) -> dict[str, np.ndarray]:
        """Weights the file replaces, by official name."""
        return {name: self.data[f'override/{name}'] for name in self.below('override/')}


def assert_close(ours: torch.Tensor, theirs: torch.Tensor, atol: float, what: str) -> None:
    """Shapes equal, everything finite and no entry further than ``atol``."""
    ours, theirs = ours.detach().double(), theirs.double()
    assert ours.shape == theirs.shape, f'{what}: {tuple(ours.shape)} != {tuple(theirs.shape)}'
    difference = (ours - theirs).abs().max().item() if ours.numel() else 0.0
    assert difference <= atol, f'{what}: off by {difference:.3g}, allowed {atol:.3g}'


def assert_ratio(ours: float, theirs: float, what: str, rel: float = 1e-4) -> None:
    """Relative difference at most ``rel``."""
    assert ours == pytest.approx(theirs, rel=rel, abs=0), f'{what}: {ours} instead of {theirs}'
