"""The reference tests fail where they should: unknown kinds, missing keys, wrong values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ..helpers.tools import run_tool
from . import check_detector, check_grouping, check_loss, check_pipeline
from .reference import FOLDER, ROOT, SHARED, Reference
from .test_reference import run_check

FAILED = pytest.fail.Exception
# One file of every flavour there is.
FILES = {
    'detector': check_detector,
    'grouping_coco_p1_noflip': check_grouping,
    'grouping_crowdpose_ms': check_grouping,
    'pipeline_w48_crowdpose_flip': check_pipeline,
    'pipeline_w32_coco_ms': check_pipeline,
    'loss_unit': check_loss,
    'loss_group': check_loss,
    'loss_full': check_loss,
}


def some_file(start: str) -> Path:
    """First reference file whose name starts so."""
    for folder in (SHARED / 'official' / 'fixtures', FOLDER):
        found = sorted(folder.glob(f'{start}*.npz'))
        if found:
            return found[0]
    pytest.skip(f'no {start}*.npz to make a broken copy of; set CENTERGROUP_SHARED')


def without(path: Path, source: Path, key: str) -> None:
    """Write a copy of a file that lacks a key."""
    with np.load(source) as data:
        np.savez(path, **{k: data[k] for k in data.files if k != key})


@pytest.mark.parametrize('start', FILES)
def test_every_needed_key_is_missed(start, reference_folder):
    ref = Reference(some_file(start))
    needed = FILES[start].needed_keys(ref)
    assert len(needed) == len(set(needed)) >= 5
    for key in needed:
        ref.keys.remove(key)
        with pytest.raises(FAILED, match=rf'^{ref.name} lacks {key}\b'):
            FILES[start].check(ref)
        ref.keys.add(key)


@pytest.mark.parametrize('start', FILES)
def test_what_is_not_compared_is_information(start, reference_folder):
    """Nothing that the official implementation computed is passed over."""
    ref = Reference(some_file(start))
    spare = {k for k in ref.keys if not k.startswith(('raw/', 'override/', 'in/gt_'))}
    spare -= set(FILES[start].needed_keys(ref))
    assert spare <= {
        # what a training crop is made from, at other resolutions
        'meta/seed', 'meta/n_people', 'meta/image_size', 'meta/flip_index', 'in/img',
        'in/pad_mask_1', 'in/boxes_0', 'in/boxes_1',
        # parts of maps whose slices the description does not give
        *(f'train/bu_{name}_sub' for name in ('fmaps4', 'fmaps2', 'preds4', 'preds2')),
    }  # fmt: skip


@pytest.mark.parametrize('name', ['mystery_coco.npz', 'group_coco.npz', 'loss_unit.npy', 'README'])
def test_unknown_kinds(name, tmp_path):
    (tmp_path / name).write_bytes(b'')
    with pytest.raises(FAILED, match=rf'^{name} is of an unknown kind'):
        run_check(tmp_path / name)


def test_an_empty_folder(tmp_path):
    with pytest.raises(FAILED, match='no reference file'):
        run_check(tmp_path)


@pytest.mark.parametrize(
    ('key', 'change', 'message'),
    [
        ('out/target_is_tp', 1, 'other centers are matched'),
        ('out/loss_vis_loss', 2e-4, 'vis_loss'),
        ('out/oks', 1e-4, 'similarities'),
    ],
)
def test_wrong_values(key, change, message, tmp_path, reference_folder):
    with np.load(some_file('loss_unit')) as data:
        content = {k: data[k] for k in data.files}
    changed = np.array(content[key])
    changed[(0,) * changed.ndim] = np.abs(change - changed[(0,) * changed.ndim])
    content[key] = changed
    np.savez(tmp_path / 'loss_changed.npz', **content)
    with pytest.raises(AssertionError, match=message):
        run_check(tmp_path / 'loss_changed.npz')


def run_pytest(folder: Path) -> tuple[int, str]:
    """Run the reference tests on another folder, in a process of their own."""
    test = 'tests/parity/test_reference.py::test_reference'
    arguments = ('-q', '-rs', '-p', 'no:cacheprovider', test)
    done = run_tool('-m pytest', *arguments, cwd=ROOT, env={'CENTERGROUP_REFERENCE': str(folder)})
    return done.status, done.output


def test_a_folder_of_ones_own(tmp_path, reference_folder):
    """Good files pass whatever they are called, others fail, nothing skips."""
    good, source = some_file('grouping_crowdpose_p1'), some_file('loss_unit')
    (tmp_path / 'grouping_w32_loss.npz').symlink_to(good)
    (tmp_path / 'loss_full.npz').symlink_to(source)
    (tmp_path / 'mystery_w32.npz').symlink_to(source)
    without(tmp_path / 'loss_group_broken.npz', source, 'in/viz_pred')
    status, output = run_pytest(tmp_path)
    assert status == 1, output
    assert '2 failed, 2 passed' in output and 'skipped' not in output, output
    assert 'loss_group_broken.npz lacks in/viz_pred' in output
    assert 'mystery_w32.npz is of an unknown kind' in output


def test_without_a_folder_it_skips_and_says_why(tmp_path):
    status, output = run_pytest(tmp_path / 'absent')
    assert status == 0, output
    assert '1 skipped' in output and 'absent; set CENTERGROUP_REFERENCE' in output
