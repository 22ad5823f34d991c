"""Configs that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

#: what MMPose and mim look up: ``configs/``, ``tools/`` and ``model-index.yml``
MIM = Path(__file__).resolve().parents[1] / '.mim'


def find_config(name: str) -> str:
    """Return the path of a config.

    Args:
        name: a file, which is returned as it is, or a config of the package, such as
            ``centergroup_w32_coco`` or ``ablation/table1_row6_transformer.py``, also with
            ``configs/`` before it.

    Returns:
        the path, or ``name`` if there is no such config.
    """
    if Path(name).is_file():
        return name
    inside = MIM / 'configs' / name.removeprefix('configs/')
    return str(next((p for p in (inside, Path(f'{inside}.py')) if p.is_file()), name))
