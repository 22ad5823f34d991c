"""The rows of the study: which config stands for which backbone or method."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
ROOT = PROJECT.parents[2]


class Row(NamedTuple):
    """One line of a table.

    Attributes:
        name: of the row on the command line and in file names.
        title: what the table calls it.
        config: path of its config.
        studies: ``backbones`` (row 4 of the evidence), ``methods`` (row 5), or both.
    """

    name: str
    title: str
    config: Path
    studies: tuple[str, ...]


class Settings(NamedTuple):
    """What all rows have in common.

    Attributes:
        out: folder of everything that is written; ``data/`` holds the scenes.
        iterations: of each training.
        batch_size: images in each.
        side: of the scenes and of the network input, in pixels; a multiple of 32.
    """

    out: Path
    iterations: int
    batch_size: int
    side: int = 256

    def work_dir(self, name: str, seed: int) -> Path:
        """Folder of logs and checkpoints of a training."""
        return self.out / 'work' / f'{name}_seed{seed}'

    def result(self, name: str, seed: int) -> Path:
        """File of the numbers of a training."""
        return self.out / 'results' / f'{name}_seed{seed}.json'


ROWS = {
    row.name: row
    for row in (
        Row(
            'hrnet',
            'CenterGroup, HRNet',
            ROOT / 'configs' / 'centergroup_tiny_synthetic.py',
            ('backbones', 'methods'),
        ),
        Row(
            'litehrnet',
            'CenterGroup, LiteHRNet',
            PROJECT / 'configs' / 'litehrnet.py',
            ('backbones',),
        ),
        Row(
            'cspnext',
            'CenterGroup, CSPNeXt and PAFPN',
            PROJECT / 'configs' / 'cspnext_pafpn.py',
            ('backbones',),
        ),
        Row(
            'resnet18',
            'CenterGroup, ResNet-18 and deconvolutions',
            PROJECT / 'configs' / 'resnet18_deconv.py',
            ('backbones',),
        ),
        Row(
            'ae',
            'associative embedding',
            PROJECT / 'configs' / 'associative_embedding.py',
            ('methods',),
        ),
        Row(
            'offsets',
            'offsets and keypoint matching',
            ROOT / 'projects' / 'offsets' / 'configs' / 'offsets_tiny_synthetic.py',
            ('methods',),
        ),
        Row('dekr', 'DEKR', PROJECT / 'configs' / 'dekr.py', ('methods',)),
        Row('cid', 'CID', PROJECT / 'configs' / 'cid.py', ('methods',)),
    )
}
