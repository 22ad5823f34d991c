"""Files are written whole or not at all."""

from __future__ import annotations

import pytest

from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.files import check_target, write_whole


def test_the_file_appears_at_the_end_and_in_a_folder_that_is_made(tmp_path):
    path = tmp_path / 'new' / 'file.txt'
    with write_whole(path) as partial:
        partial.write_text('content')
        assert not path.exists()
    assert path.read_text() == 'content'
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('interruption', [KeyboardInterrupt, ZeroDivisionError])
def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, interruption):
    path = tmp_path / 'file.txt'
    path.write_text('old')
    with pytest.raises(interruption):  # noqa: SIM117
        with write_whole(path) as partial:
            partial.write_text('half of the n')
            raise interruption
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_where_no_file_can_be_is_named_in_one_line(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match=r'file/inside cannot be written'):  # noqa: SIM117
        with write_whole(tmp_path / 'file' / 'inside') as partial:
            partial.write_text('content')


def test_only_overwrite_replaces_a_file_and_nothing_replaces_a_folder(tmp_path):
    path = tmp_path / 'file.txt'
    check_target(path, overwrite=False)
    path.write_text('old')
    check_target(path, overwrite=True)
    with pytest.raises(UserError, match=r'exists: choose another name or pass --overwrite'):
        check_target(path, overwrite=False)
    with pytest.raises(UserError, match=r'is a folder'):
        check_target(tmp_path, overwrite=True)
