"""What fails while a run is set up is one line that names the config."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

from centergroup_mm.utils.errors import UserError, message_of
from centergroup_mm.utils.setup_errors import setting_up


class Broken(torch.utils.data.Dataset):
    """Raises in the process of a loader."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> None:
        try:
            raise KeyError('first')
        except KeyError as cause:
            raise self.error from cause


def test_the_line_names_config_kind_and_place() -> None:
    with pytest.raises(UserError) as caught, setting_up('my.py'):
        raise KeyError('width')
    line = str(caught.value)
    assert line.startswith("my.py cannot be set up: KeyError: 'width', in utils/test_setup_errors")
    assert line.endswith('CENTERGROUP_TRACEBACK=1 shows all of it')


def test_a_user_error_passes_as_it_is() -> None:
    with pytest.raises(UserError, match=r'^as it is$'), setting_up('my.py'):
        raise UserError('as it is')


@pytest.mark.parametrize('kind', [UserError, ValueError])
def test_an_error_in_a_loader_process_is_its_message(kind: type[Exception]) -> None:
    loader = DataLoader(Broken(kind('a.jpg is cut off')), num_workers=1)
    with pytest.raises(kind) as caught:
        next(iter(loader))
    assert 'Traceback' in str(caught.value)
    assert message_of(caught.value) == 'a.jpg is cut off'
