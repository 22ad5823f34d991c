"""Curves of the losses over a training."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt

from ..utils.files import write_whole


def read_scalars(work_dir: str | Path) -> list[dict]:
    """Scalars that mmengine logged, oldest run first.

    Args:
        work_dir: of ``tools/train.py``; every run in it has a ``vis_data/scalars.json``.

    Raises:
        FileNotFoundError: no run has been logged there.
    """
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(f'no vis_data/scalars.json below {work_dir}; was it trained?')
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def draw_curves(work_dir: str | Path, out_file: str | Path) -> Path:
    """Draw every loss of a training against its iterations, logarithmic, one panel each.

    Args:
        work_dir: of ``tools/train.py``.
        out_file: PNG to write.

    Returns:
        ``out_file``.
    """
    rows = [row for row in read_scalars(work_dir) if 'loss' in row]
    names = [key for key in rows[0] if key.startswith('loss')]
    names.sort(key=lambda name: name != 'loss')
    figure, axes = plt.subplots(
        1, len(names), figsize=(3.2 * len(names), 2.8), layout='constrained', squeeze=False
    )
    for axis, name in zip(axes[0], names, strict=True):
        axis.plot([row['step'] for row in rows], [row[name] for row in rows], linewidth=1.2)
        axis.set_title('total' if name == 'loss' else name.removeprefix('loss_'))
        axis.set_xlabel('iteration')
        axis.set_yscale('log')
        axis.grid(True, which='both', alpha=0.25)
    axes[0, 0].set_ylabel('weighted loss')
    with write_whole(out_file) as partial:
        figure.savefig(partial, dpi=110)
    plt.close(figure)
    return Path(out_file)
