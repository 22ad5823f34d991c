"""What a command line can name, and which files are whole."""

from __future__ import annotations

import pytest

from centergroup_lite.errors import UserError
from centergroup_lite.sources import (
    Source,
    Unreadable,
    Video,
    find_sources,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three images, a video by its name, and a text."""
    for name in ('b.png', 'a.JPG', 'c_poses.png', 'd.mp4', 'note.txt', 'sub/e.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'x')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*words: str) -> list[str]:
    return [str(source.path) for source in find_sources(words)]


def test_files_folders_patterns_and_cameras(folder):
    assert found('b.png', 'sub') == ['b.png', 'sub/e.png']
    assert found('.') == ['a.JPG', 'b.png', 'c_poses.png', 'd.mp4']
    assert found('*.png') == ['b.png', 'c_poses.png']
    assert found('**/e.png') == ['sub/e.png']
    assert [source.kind for source in find_sources(['d.mp4', 'b.png', '1'])] == [
        'video',
        'image',
        'camera',
    ]
    (folder / '[x].png').write_bytes(b'')
    assert found('[x].png') == ['[x].png'], 'a file that is there is no pattern'
    (folder / '7').write_bytes(b'')
    assert find_sources(['7'])[0].kind == 'image', 'a file that is there is no camera'


def test_drawings_of_an_earlier_run_are_left_out_of_a_folder(folder):
    (folder / 'b_poses.jpg').write_bytes(b'')
    assert 'b_poses.jpg' not in found('.')
    assert found('b_poses.jpg') == ['b_poses.jpg']


@pytest.mark.parametrize(
    ('word', 'message'),
    [
        ('gone.jpg', 'gone.jpg not found: no such file'),
        ('*.gif', r'\*.gif not found: no such pattern'),
        ('empty', 'holds no images'),
    ],
)
def test_what_fits_nothing_is_named(folder, word, message):
    (folder / 'empty').mkdir()
    with pytest.raises(UserError, match=message):
        find_sources([word])


def test_two_sources_of_one_name_are_refused_before_any_work(folder):
    (folder / 'sub' / 'b.jpg').write_bytes(b'')
    with pytest.raises(UserError, match=r'b.png and sub/b.jpg'):
        find_sources(['b.png', 'sub'])


def test_a_camera_that_is_not_there_is_named():
    with pytest.raises(Unreadable, match='camera 97 cannot be opened'):
        Video(Source('camera97', find_sources(['97'])[0].path, 'camera'))
