"""``centergroup data check`` says what is there, what is missing and what is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from centergroup_lite.data import main
from centergroup_lite.data.sets import SETS
from centergroup_lite.errors import run_tool

from ...helpers.skeletons import FIVE, write_dataset


def run(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    """Run the command; exit status, output, error output."""
    monkeypatch.setattr(sys, 'argv', ['centergroup data', *map(str, arguments)])
    status = run_tool(main)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_a_good_file_is_summarized(tmp_path, monkeypatch, capsys):
    path = write_dataset(tmp_path / 'data', FIVE)
    call = ('check', path, '--images', tmp_path / 'data/images', '--sizes')
    status, output, error = run(monkeypatch, capsys, *call)
    assert status == 0 and not error
    assert '4 images (0 without annotations), 8 people with 40 labeled joints' in output


def test_all_problems_are_listed_up_to_a_number(tmp_path, monkeypatch, capsys):
    path = write_dataset(tmp_path / 'data', FIVE)
    content = json.loads(path.read_text())
    for entry in content['annotations'][:5]:
        entry['area'] = -1
    path.write_text(json.dumps(content))
    status, output, error = run(monkeypatch, capsys, 'check', path, '--max-lines', 3)
    assert status == 2 and error == f'error: {path} has 5 problems\n'
    lines = output.splitlines()
    assert len(lines) == 4 and 'annotation 2 of image 1: area is -1' in lines[2]
    assert lines[3] == '... and 2 more, see --max-lines'


@pytest.mark.parametrize('name', list(SETS))
def test_what_is_missing_of_a_set_and_where_it_is_published(tmp_path, monkeypatch, capsys, name):
    status, output, error = run(monkeypatch, capsys, 'check', name, '--root', tmp_path)
    number = len(SETS[name].parts)
    assert status == 2 and f'{number} of {number} parts of {name} are missing' in error
    lines = output.splitlines()
    assert len(lines) == number and all(line.startswith('missing ') for line in lines)
    assert all('from http' in line or "MMPose's documentation" in line for line in lines)


def test_a_set_that_is_there(tmp_path, monkeypatch, capsys):
    parts = [p._replace(number=p.number and 4) for p in SETS['crowdpose'].parts]
    monkeypatch.setitem(SETS, 'crowdpose', SETS['crowdpose']._replace(parts=tuple(parts)))
    path = write_dataset(tmp_path, FIVE)
    (tmp_path / 'annotations').mkdir()
    for part in parts[1:]:
        (tmp_path / part.path).write_bytes(path.read_bytes())
    status, output, _ = run(monkeypatch, capsys, 'check', 'crowdpose', '--root', tmp_path)
    assert status == 0 and output.count('there ') == 3
    (tmp_path / 'images/3.png').unlink()
    status, output, error = run(monkeypatch, capsys, 'check', 'crowdpose', '--root', tmp_path)
    assert status == 2 and '3 images of 4: get the images from https://github.com' in output
    assert '3 of 3 parts' in error and "file '3.png' is not in" in output


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('check', 'people.json', '--root', 'x'), '--root is for coco'),
        (('check', 'coco', '--sizes'), '--images and --sizes are for annotation files'),
        (('check', 'people.json', '--sizes'), '--sizes needs --images'),
        (('init', 'people.json', '--images', '.', '--name', 'a b'), '--name a b: letters'),
        ((), 'the following arguments are required'),
    ],
)
def test_arguments_that_do_not_go_together(monkeypatch, capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, capsys, *arguments)
    assert end.value.code == 2 and message in capsys.readouterr().err


def make(monkeypatch, capsys, folder: Path, *arguments: object) -> tuple[int, str, str]:
    """Make a config from the annotations in a folder."""
    call = ('init', folder / 'data/people.json', '--images', folder / 'data/images')
    return run(monkeypatch, capsys, *call, '--out', folder / 'out', *arguments)


def test_wrong_annotations_make_nothing(tmp_path, monkeypatch, capsys):
    path = write_dataset(tmp_path / 'data', FIVE)
    path.write_text(path.read_text().replace('"iscrowd": 0', '"iscrowd": 5', 1))
    status, output, error = make(monkeypatch, capsys, tmp_path)
    assert status == 2 and 'nothing was written' in error and 'iscrowd is 5' in output
    assert not (tmp_path / 'out').exists()


def test_nothing_is_replaced_without_being_told(tmp_path, monkeypatch, capsys):
    write_dataset(tmp_path / 'data', FIVE)
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/my_data_keypoints.py').write_text('mine')
    status, _, error = make(monkeypatch, capsys, tmp_path)
    assert status == 2 and 'my_data_keypoints.py exists' in error and '--overwrite' in error
    assert (tmp_path / 'out/my_data_keypoints.py').read_text() == 'mine'


def test_two_files_of_different_keypoints_are_refused(tmp_path, monkeypatch, capsys):
    write_dataset(tmp_path / 'data', FIVE)
    other = write_dataset(tmp_path / 'other', FIVE[:4])
    options = ('--val', other, '--val-images', tmp_path / 'other/images')
    status, _, error = make(monkeypatch, capsys, tmp_path, *options)
    assert status == 2 and 'they must be the same' in error


def test_categories_of_different_keypoints_are_refused(tmp_path, monkeypatch, capsys):
    path = write_dataset(tmp_path / 'data', FIVE)
    content = json.loads(path.read_text())
    content['categories'].append(dict(id=2, name='hand', keypoints=['a', 'b', 'c', 'd', 'e']))
    path.write_text(json.dumps(content))
    status, _, error = make(monkeypatch, capsys, tmp_path)
    assert status == 2 and 'its categories have different keypoints' in error


def test_a_config_with_keypoints_weights_and_samples(tmp_path, monkeypatch, capsys):
    write_dataset(tmp_path / 'data', FIVE)
    status, output, error = make(monkeypatch, capsys, tmp_path, '--name', 'mine')
    assert status == 0, error
    made = {path.name for path in (tmp_path / 'out').iterdir()}
    assert made == {'mine.py', 'mine_keypoints.py', 'mine_start.pth', 'mine_samples.jpg'}
    assert 'guess: these change places in a mirrored image: left_hand and right_hand' in output
    assert 'new keypoints: head, left_hand' in output and 'no --val was given' in output
    drawn = cv2.imread(str(tmp_path / 'out/mine_samples.jpg'))
    assert drawn.shape[0] == 480 and drawn.shape[1] == 330 + 4 * 480
    assert np.ptp(drawn[:, 330:].reshape(-1, 3), axis=0).min() > 100
