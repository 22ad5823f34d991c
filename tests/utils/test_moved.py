"""What names something that has moved gets a line with the new place."""

from __future__ import annotations

import importlib
import importlib.util
import re

import pytest

import centergroup_mm  # noqa: F401
from centergroup_mm.utils.checks import load_config
from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.moved import MOVED_CONFIGS, MOVED_MODULES, MovedError

from ..conftest import ROOT


@pytest.mark.parametrize('old', MOVED_MODULES)
def test_an_old_module_names_the_new_one(old):
    with pytest.raises(MovedError) as error:
        importlib.import_module(f'centergroup_mm.{old}')
    message = str(error.value)
    assert message.startswith(f'centergroup_mm.{old} has moved: ') and '\n' not in message
    new = re.findall(r'centergroup_mm(?:\.\w+)+', message.partition(': ')[2])
    assert new and all(importlib.util.find_spec(name) for name in new)


def test_modules_inside_an_old_package_name_the_new_place():
    for name in ('apis.convert', 'datasets.synthetic.scene'):
        with pytest.raises(MovedError, match='has moved: '):
            importlib.import_module(f'centergroup_mm.{name}')


def test_from_imports_name_the_new_place():
    with pytest.raises(MovedError, match=r'centergroup_mm\.synthetic'):
        from centergroup_mm.datasets import synthetic  # noqa: F401


def test_names_that_never_were_are_reported_by_python():
    with pytest.raises(ModuleNotFoundError, match='never_was'):
        importlib.import_module('centergroup_mm.never_was')


@pytest.mark.parametrize('name', ['centergroup_mm.apis', 'centergroup_mm.apis.hooks'])
def test_custom_imports_of_an_old_config_name_the_new_place(tmp_path, name):
    path = tmp_path / 'old.py'
    path.write_text(f"custom_imports = dict(imports=['{name}'], allow_failed_imports=False)\n")
    with pytest.raises(UserError) as error:
        load_config(str(path))
    message = str(error.value)
    assert message.startswith(f'config {path} imports what is not there: centergroup_mm.apis has')
    assert 'centergroup_mm.engine.hooks' in message and '\n' not in message


@pytest.mark.parametrize('old', MOVED_CONFIGS)
def test_an_old_base_names_what_to_inherit_from(tmp_path, old):
    path = tmp_path / 'old.py'
    path.write_text(f"_base_ = ['{ROOT / 'configs' / old}']\n")
    with pytest.raises(UserError) as error:
        load_config(str(path))
    message = str(error.value)
    new = re.findall(r'configs/\S+?\.py', message.partition('inherit from ')[2])
    assert new and all((ROOT / name).is_file() for name in new)
